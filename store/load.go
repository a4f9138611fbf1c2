package store

import (
	"fmt"
	"maps"

	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/token"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// loaded is what Open and Restore read into memory.
type loaded struct {
	meta     meta
	heads    []*Head
	byToken  map[string]*Head
	members  map[string]Member
	policies []*Policy
	tokens   map[token.Hash]*token.Token
	tokenIDs map[string]*token.Token
	audit    []auditlog.Entry
	old      bool // it is of an older format
}

func load(db *engine.DB) (*loaded, error) {
	l := &loaded{meta: newMeta(), byToken: map[string]*Head{}, members: map[string]Member{}, tokens: map[token.Hash]*token.Token{}, tokenIDs: map[string]*token.Token{}}
	row, err := engine.Get(db, []byte(metaKey))
	if row == nil || err != nil {
		return l, err // empty, or not readable
	}
	if l.meta, err = decodeMeta(row); err != nil {
		return l, err
	}
	l.upgrade()
	for _, rows := range []func(*engine.DB) error{l.loadMembers, l.loadPolicies, l.loadTokens, l.loadAudit} {
		if err := rows(db); err != nil {
			return l, err
		}
	}
	return l, engine.Scan(db, []byte{keys.HeadTable}, func(key, row []byte) error {
		number := uint32(len(l.heads))
		if len(key) != 1+4 || keys.ContractOf(key) != number {
			return fmt.Errorf("%w: contract %d is missing", engine.ErrCorrupt, number)
		}
		pending, err := engine.Get(db, keys.Prefix(keys.PendingTable, number))
		if err != nil {
			return err
		}
		genesis, err := blocks.ReadBlock(db, keys.Block{Contract: number, Index: 1})
		if err != nil {
			return err
		}
		h, err := loadHead(number, row, pending, genesis)
		if err != nil {
			return err
		}
		if err := h.loadHolds(db); err != nil {
			return err
		}
		if err := h.loadTree(db); err != nil {
			return err
		}
		l.heads = append(l.heads, h)
		l.byToken[h.Contract.Token] = h
		return nil
	})
}

// upgrade takes what an older format says as this one does.
func (l *loaded) upgrade() {
	if l.old = l.meta.Format < format; !l.old {
		return
	}
	maps.Copy(l.members, l.meta.Members)
	l.meta.Format, l.meta.Members = format, nil
}

// check reads back every tip and then rows in order, up to startCheckBytes, and returns
// how many it read: Pebble checks its own sums on the way, and blocks have theirs.
func (l *loaded) check(db *engine.DB) (read int, err error) {
	for _, h := range l.heads {
		tip, err := blocks.ReadBlock(db, keys.Block{Contract: h.Number, Index: h.Index})
		if err != nil {
			return 0, fmt.Errorf("%s: %w", h.Contract.Token, err)
		}
		if tip.Hash != h.Hash {
			return 0, fmt.Errorf("%w: %s: the newest block has another hash than its head says", engine.ErrCorrupt, h.Contract.Token)
		}
	}
	_, read, err = blocks.CheckRows(db, nil, startCheckBytes)
	return read, err
}
