package keys

import "encoding/binary"

// Epoch numbers stretches of a chain, of so many records each, from 0. Keys that are
// hashes fall anywhere among all there are, so that a merge in Pebble writes all of them
// again, and more with each transfer that a chain has. With the epoch in front a flush
// falls among the rows of one epoch only: once that is over nothing comes between them
// any more, Pebble moves its tables and writes them no more, and what a transfer costs
// does not depend on those before. In return an id that is known is looked for in one
// epoch after another, from the newest; that one is new the filter knows.
//
// A layer's rows are of the epoch in which it was frozen.
type Epoch uint32

// EpochBytes is how many of a key are an epoch.
const EpochBytes = 4

// InEpoch is how the keys of an epoch's rows begin in a table.
func InEpoch(table byte, contract uint32, e Epoch) []byte {
	return binary.BigEndian.AppendUint32(Prefix(table, contract), uint32(e))
}

// AppendPrefix appends how the keys of a contract's rows begin: in the one table without
// epochs, else in the other one with the contract's.
func AppendPrefix(key []byte, without, with byte, contract uint32, epochs []Epoch) []byte {
	if epochs == nil {
		return binary.BigEndian.AppendUint32(append(key, without), contract)
	}
	key = binary.BigEndian.AppendUint32(append(key, with), contract)
	return binary.BigEndian.AppendUint32(key, uint32(epochs[contract]))
}
