// Package keys says where each row of the store stands: a letter for its table, then the
// number of its contract, then the row's own key. Numbers are big-endian, so that rows sort by
// them. It says what is in a row for orientation; the formats are those of who writes them.
package keys

import (
	"encoding/binary"

	"github.com/bpsc/bpsc/chain"
)

// The tables.
const (
	AccountTable   = 'a' // contract, name    -> balance, records
	BlockTable     = 'b' // contract, index, piece -> see blocks
	HeadTable      = 'h' // contract          -> headRow
	IDTable        = 'i' // contract, id      -> Placement; before there were epochs
	PendingTable   = 'p' // contract          -> records joined by RecordSeparator
	OpenHoldTable  = 'o' // contract, id      -> HoldState, open
	EndedHoldTable = 'e' // contract, id      -> HoldState, resolved
	MetaTable      = 'm' // name              -> see meta
	HistoryTable   = 't' // contract, bucket, first place -> postings, see history; likewise
	NodeTable      = 'n' // contract, index of tlog.StoredHashIndex -> hash
	DigestTable    = 'd' // contract, index of a block -> Head.Digest after it
	MemberTable    = 'u' // identity          -> Member
	PolicyTable    = 'y' // number            -> Policy
	TokenTable     = 'k' // hash              -> token.Token, from release.Access on
	AuditTable     = 'l' // number            -> auditlog.Entry, likewise
	NoteTable      = 'v' // contract, name's length, name, place -> note

	EpochIDTable      = 'j' // contract, epoch, id -> Placement, see Epoch
	EpochHistoryTable = 's' // contract, epoch, bucket, first place -> postings
)

// Prefix is how the keys of a contract's rows begin in a table.
func Prefix(table byte, contract uint32) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 48), table), contract)
}

// ContractOf reads the contract's number from a key of any table that has one.
func ContractOf(key []byte) uint32 { return binary.BigEndian.Uint32(key[1:]) }

// ID is an id of a contract.
type ID struct {
	Contract uint32
	ID       chain.ID
}

// In is the key of its row in a table without epochs.
func (k ID) In(table byte) []byte { return append(Prefix(table, k.Contract), k.ID[:]...) }

// Append appends the key of the row that says what the id was decided to be.
func (k ID) Append(key []byte, epochs []Epoch) []byte {
	return append(AppendPrefix(key, IDTable, EpochIDTable, k.Contract, epochs), k.ID[:]...)
}

// IDBytes is the length of that key, at most.
const IDBytes = 1 + 4 + EpochBytes + len(chain.ID{})

// ParseID reads that key, with an epoch or without.
func ParseID(key []byte) (k ID, ok bool) {
	head := 1 + 4
	if len(key) > 0 && key[0] == EpochIDTable {
		head += EpochBytes
	}
	if len(key) != head+len(chain.ID{}) {
		return k, false
	}
	return ID{ContractOf(key), chain.ID(key[head:])}, true
}

// Block is a block of a contract, or what else is numbered there.
type Block struct {
	Contract uint32
	Index    uint64
}

// In is the key of its row in a table.
func (k Block) In(table byte) []byte {
	return binary.BigEndian.AppendUint64(Prefix(table, k.Contract), k.Index)
}

// Piece is the key of a piece of the block, from 0.
func (k Block) Piece(number int) []byte {
	return binary.BigEndian.AppendUint16(k.In(BlockTable), uint16(number))
}

// ParsePiece reads the key of a piece.
func ParsePiece(key []byte) (k Block, number int, ok bool) {
	if len(key) != 1+4+8+2 {
		return k, 0, false
	}
	return Block{ContractOf(key), binary.BigEndian.Uint64(key[5:])}, int(binary.BigEndian.Uint16(key[13:])), true
}
