package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bpsc/bpsc/chain"
)

// Pebble's keys: a letter for the table, then the contract's number, then the
// row's own key. Numbers are big-endian, so that rows sort by them.
const (
	accountTable   = 'a' // contract, name    -> balance, records
	blockTable     = 'b' // contract, index   -> hash, canonical bytes
	headTable      = 'h' // contract          -> headRow
	idTable        = 'i' // contract, id      -> Placement
	pendingTable   = 'p' // contract          -> records joined by RecordSeparator
	openHoldTable  = 'o' // contract, id      -> HoldState, open
	endedHoldTable = 'e' // contract, id      -> HoldState, resolved
	metaTable      = 'm' // name              -> see meta.go
	historyTable   = 't' // contract, bucket, first place -> postings, see history_rows.go
	nodeTable      = 'n' // contract, index of tlog.StoredHashIndex -> hash, see tree.go
	digestTable    = 'd' // contract, index of a block -> Head.Digest after it
)

func tableKey(table byte, contract uint32) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 48), table), contract)
}

func (k idKey) bytes() []byte { return append(tableKey(idTable, k.contract), k.id[:]...) }

func (k blockKey) bytes() []byte {
	return binary.BigEndian.AppendUint64(tableKey(blockTable, k.contract), k.index)
}

// Placement is what an id was decided to be: a record at a place in the chain,
// or a refusal.
type Placement struct {
	Block    uint64
	Position int
	Refused  chain.Code // why, when it is a refusal; Block and Position are 0
	Content  chain.Hash // of a refusal: what was asked, to tell a replay from a reuse
}

var errCorrupt = errors.New("stored row is not readable")

func encodePlacement(p Placement) []byte {
	b := binary.AppendUvarint(nil, p.Block)
	if p.Refused != "" {
		return append(append(b, p.Content[:]...), p.Refused...)
	}
	return binary.AppendUvarint(b, uint64(p.Position))
}

func decodePlacement(b []byte) (p Placement, err error) {
	block, n := binary.Uvarint(b)
	if n <= 0 {
		return p, fmt.Errorf("%w: id", errCorrupt)
	}
	b = b[n:]
	if block == 0 {
		if len(b) <= len(p.Content) {
			return p, fmt.Errorf("%w: id", errCorrupt)
		}
		p.Refused = chain.Code(b[copy(p.Content[:], b):])
		return p, nil
	}
	position, n := binary.Uvarint(b)
	if n <= 0 || n != len(b) {
		return p, fmt.Errorf("%w: id", errCorrupt)
	}
	return Placement{Block: block, Position: int(position)}, nil
}

// appendAccount appends the numbers and, where something has been set for the
// wallet, that as JSON behind them.
func appendAccount(row []byte, a chain.Account) ([]byte, error) {
	row = binary.AppendUvarint(binary.AppendVarint(row, int64(a.Balance)), a.Records)
	if a.Wallet == nil {
		return row, nil
	}
	wallet, err := json.Marshal(a.Wallet)
	return append(row, wallet...), err
}

func decodeAccount(b []byte) (chain.Account, error) {
	balance, n := binary.Varint(b)
	if n <= 0 {
		return chain.Account{}, fmt.Errorf("%w: account", errCorrupt)
	}
	records, m := binary.Uvarint(b[n:])
	if m <= 0 {
		return chain.Account{}, fmt.Errorf("%w: account", errCorrupt)
	}
	a := chain.Account{Balance: chain.Amount(balance), Records: records}
	if rest := b[n+m:]; len(rest) > 0 {
		a.Wallet = &chain.Wallet{}
		if err := json.Unmarshal(rest, a.Wallet); err != nil {
			return a, fmt.Errorf("%w: wallet: %w", errCorrupt, err)
		}
	}
	return a, nil
}

// BlockRoom is how much room the caller of Tx.AddBlock leaves in front of a
// block's bytes: for their hash, so that each read can check that the bytes are
// still the ones that were hashed.
const BlockRoom = len(chain.Hash{})

func decodeBlock(stored []byte) (hash chain.Hash, canonical []byte, err error) {
	if len(stored) < len(hash) {
		return hash, nil, fmt.Errorf("%w: block", errCorrupt)
	}
	canonical = stored[copy(hash[:], stored):]
	if chain.HashBytes(canonical) != hash {
		return hash, nil, fmt.Errorf("%w: block %s does not have that hash any more", errCorrupt, hash)
	}
	return hash, canonical, nil
}
