package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/nodelist"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/hashtable"
	"github.com/bpsc/bpsc/store/keys"
)

// Placement is what an id was decided to be: a record at a place in the chain,
// or a refusal.
type Placement struct {
	Block    uint64
	Position int
	Refused  chain.Code  // why, when it is a refusal; Block and Position are 0
	Content  Fingerprint // of the request; zero where it is not needed
}

// Fingerprint is of the request under an id, to tell a repeated request from another
// one under the same id. Two contents with one fingerprint are found in 2^48 attempts
// and deceive only the one who made both: the id is its own.
type Fingerprint [12]byte

func encodePlacement(p Placement) []byte {
	b := binary.AppendUvarint(nil, p.Block)
	if p.Refused != "" {
		return append(append(b, p.Content[:]...), p.Refused...)
	}
	return appendPlaced(b[:0], p.Block, uint32(p.Position), p.Content)
}

// appendPlaced appends what is stored under an id that has become a record.
func appendPlaced(row []byte, block uint64, position uint32, content Fingerprint) []byte {
	row = binary.AppendUvarint(binary.AppendUvarint(row, block), uint64(position))
	if content != (Fingerprint{}) {
		row = append(row, content[:]...)
	}
	return row
}

// appendIDs appends the rows of ids, of the epochs of their contracts. They share memory.
func appendIDs(rows []engine.Row, ids *hashtable.IDs, epochs []keys.Epoch) []engine.Row {
	list := ids.List()
	arena := make([]byte, 0, len(list)*(keys.IDBytes+2*binary.MaxVarintLen32+len(Fingerprint{})))
	for i := range list {
		at := &list[i]
		start := len(arena)
		arena = at.Key.Append(arena, epochs)
		split := len(arena)
		arena = appendPlaced(arena, at.Block, at.Position, at.Content)
		rows = append(rows, engine.Row{Key: arena[start:split:split], Value: arena[split:len(arena):len(arena)]})
	}
	return rows
}

func decodePlacement(row []byte) (p Placement, err error) {
	r := engine.ValueReader{Rest: row}
	p.Block = r.Uvarint(math.MaxUint64)
	if p.Block == 0 {
		r.Take(p.Content[:])
		p.Refused = chain.Code(r.Rest)
		r.Bad = r.Bad || p.Refused == ""
	} else {
		p.Position = int(r.Uvarint(chain.MaxBlockRecords - 1))
		if len(r.Rest) > 0 {
			r.Take(p.Content[:])
			r.Bad = r.Bad || len(r.Rest) > 0
		}
	}
	if r.Bad {
		return Placement{}, fmt.Errorf("%w: id", engine.ErrCorrupt)
	}
	return p, nil
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

// appendAccounts appends the rows of accounts. They are many and small, so they share memory.
func appendAccounts(rows []engine.Row, accounts *hashtable.Accounts) (_ []engine.Row, err error) {
	arena := make([]byte, 0, accounts.NameBytes()+accounts.Len()*accountRowBytes)
	for i := range accounts.Len() {
		contract, name, account := accounts.At(i)
		start := len(arena)
		arena = append(binary.BigEndian.AppendUint32(append(arena, keys.AccountTable), contract), name...)
		split := len(arena)
		if arena, err = appendAccount(arena, *account); err != nil {
			return nil, err
		}
		rows = append(rows, engine.Row{Key: arena[start:split:split], Value: arena[split:len(arena):len(arena)]})
	}
	return rows, nil
}

// accountRowBytes is about what the row of an account takes beside its name.
const accountRowBytes = 1 + 4 + 16

func decodeAccount(b []byte) (chain.Account, error) {
	balance, n := binary.Varint(b)
	if n <= 0 {
		return chain.Account{}, fmt.Errorf("%w: account", engine.ErrCorrupt)
	}
	records, m := binary.Uvarint(b[n:])
	if m <= 0 {
		return chain.Account{}, fmt.Errorf("%w: account", engine.ErrCorrupt)
	}
	a := chain.Account{Balance: chain.Amount(balance), Records: records}
	if rest := b[n+m:]; len(rest) > 0 {
		a.Wallet = &chain.Wallet{}
		if err := json.Unmarshal(rest, a.Wallet); err != nil {
			return a, fmt.Errorf("%w: wallet: %w", engine.ErrCorrupt, err)
		}
	}
	return a, nil
}

// format is the version of everything this package writes. What was written in one from
// firstFormat on is read, and written anew with the next flush. epochFormat is that of a
// store that has begun to have epochs, and what stood there before still has none.
const (
	format      = 6
	firstFormat = 5 // had the members in meta, and no policies
	epochFormat = 7
)

// errFormat is no damage: nothing is to be moved aside or built anew for it.
var errFormat = errors.New("written in format")

// meta is what belongs to the machine as a whole. It is one row, written with
// every flush, so that it is true of exactly the rows it was written with.
type meta struct {
	Format  int
	Applied uint64       // log index of the last entry in here
	Time    chain.Micros // the machine's clock
	Nodes   nodelist.List
	// Members is where format 5 had them, by id.
	Members    map[string]Member `json:",omitempty"`
	Configured uint64            // log index of the configuration that the members' rows say
	Level      release.Need      `json:",omitzero"`  // zero on the first level
	Recovery   *Recovery         `json:",omitempty"` // the last there was
	Unmarked   bool              `json:",omitempty"` // no policy says so yet
	// OperateMade: there has been a token that may do what operators do.
	OperateMade bool `json:",omitempty"`
}

var metaKey = string(append([]byte{keys.MetaTable}, "meta"...))

func newMeta() meta {
	return meta{Format: format}
}

func (m *meta) encode() ([]byte, error) { return json.Marshal(m) }

func decodeMeta(row []byte) (meta, error) {
	m := newMeta()
	if err := json.Unmarshal(row, &m); err != nil {
		return m, fmt.Errorf("%w: meta: %w", engine.ErrCorrupt, err)
	}
	if err := m.Level.Check(); err != nil {
		return m, err
	}
	if m.Format < firstFormat || m.Format > epochFormat {
		return m, fmt.Errorf("%w %d, this binary reads %d to %d: use the binary that wrote it, or a newer one", errFormat, m.Format, firstFormat, epochFormat)
	}
	return m, nil
}
