package fsm

import (
	"bytes"
	"cmp"
	"errors"
	"iter"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// SameState checks that what a store holds of a chain beside its blocks is what another
// store holds, in which an Adopter has made it of the same blocks and pending records:
// where the chain stands, its log of headers, every account, hold and id. Nobody has
// written to either since it was opened. Errors that wrap chain.ErrInvalid name the first
// difference.
func SameState(kept, made *store.Store, token string) error {
	k, err := kept.Contract(token)
	if err != nil {
		return err
	}
	m, err := made.Contract(token)
	if err != nil {
		return err
	}
	switch {
	case k.ID != m.ID || k.Length != m.Length || k.Tip != m.Tip || k.TipTimestamp != m.TipTimestamp:
		return differs("the chain is said to end with block %d, %s, and its blocks end with %d, %s", k.Length, k.Tip, m.Length, m.Tip)
	case k.Totals != m.Totals:
		return differs("totals are %+v, the records come to %+v", k.Totals, m.Totals)
	case k.Records != m.Records:
		return differs("%d records are counted, there are %d", k.Records, m.Records)
	case k.OpenHolds != m.OpenHolds:
		return differs("%d holds are open, the records leave %d", k.OpenHolds, m.OpenHolds)
	}
	if err := sameLog(kept, made, token, k.Length); err != nil {
		return err
	}
	return cmp.Or(
		alongside(accountsOf(kept, token), accountsOf(made, token), differentAccount),
		alongside(holdsOf(kept, token), holdsOf(made, token), differentHold),
		alongside(idsOf(kept, token), idsOf(made, token), differentID),
	)
}

func sameLog(kept, made *store.Store, token string, size uint64) error {
	k, err := tlog.TreeHash(int64(size), kept.LogHashes(token))
	if err != nil {
		return err
	}
	m, err := tlog.TreeHash(int64(size), made.LogHashes(token))
	if err == nil && k != m {
		err = differs("the log of headers has root %s, the blocks come to %s", chain.Hash(k), chain.Hash(m))
	}
	return err
}

// rows are those of one table in the order of their keys.
type rows[V any] func(yield func(key []byte, value V) error) error

func accountsOf(s *store.Store, token string) rows[chain.Account] {
	return func(yield func([]byte, chain.Account) error) error {
		return s.Accounts(token, func(name string, a chain.Account) error { return yield([]byte(name), a) })
	}
}

// holdsOf are the open ones and then those that ended.
func holdsOf(s *store.Store, token string) rows[chain.HoldState] {
	return func(yield func([]byte, chain.HoldState) error) error {
		return s.Holds(token, func(id chain.ID, h chain.HoldState) error {
			table := byte('o')
			if h.Ended != "" {
				table = 'p'
			}
			return yield(append([]byte{table}, id[:]...), h)
		})
	}
}

func idsOf(s *store.Store, token string) rows[store.Placement] {
	return func(yield func([]byte, store.Placement) error) error {
		err := s.Decided(token, func(id chain.ID, p store.Placement) error { return yield(id[:], p) })
		if errors.Is(err, store.ErrMisplaced) {
			err = differs("%v", err)
		}
		return err
	}
}

func differentAccount(name []byte, kept, made *chain.Account) error {
	var none chain.Account
	if kept == nil {
		kept = &none
	}
	if made == nil {
		made = &none
	}
	if !sameAccount(*kept, *made) {
		return differs("account %q has %s, the records come to %s", name, describe(*kept), describe(*made))
	}
	return nil
}

func differentHold(key []byte, kept, made *chain.HoldState) error {
	switch id := chain.ID(key[1:]); {
	case kept == nil:
		return differs("hold %s is missing, the records come to %+v", id, *made)
	case made == nil:
		return differs("hold %s is %+v, and no record says so", id, *kept)
	case *kept != *made:
		return differs("hold %s is %+v, the records come to %+v", id, *kept, *made)
	}
	return nil
}

// differentID lets ids be that were refused: no record says so, and who does not get what
// he asked for can say that.
func differentID(key []byte, kept, made *store.Placement) error {
	switch id := chain.ID(key); {
	case kept == nil || kept.Refused != "" && made != nil:
		return differs("id %s could be decided again, and it is that of record %d of block %d", id, made.Position, made.Block)
	case made == nil && kept.Refused == "":
		return differs("id %s is said to be that of record %d of block %d, and it is not", id, kept.Position, kept.Block)
	case made != nil && (kept.Block != made.Block || kept.Position != made.Position):
		return differs("id %s is said to be that of record %d of block %d, and is that of %d of %d", id, kept.Position, kept.Block, made.Position, made.Block)
	}
	return nil
}

var errEnough = errors.New("enough")

// alongside goes through two tables side by side. Where one does not have a key its value
// is nil.
func alongside[V any](kept, made rows[V], different func(key []byte, kept, made *V) error) error {
	var failed error
	next, stop := iter.Pull2(made.sequence(&failed))
	defer stop()
	key, value, more := next()
	err := kept(func(k []byte, v V) error {
		for more && bytes.Compare(key, k) < 0 {
			if err := different(key, nil, &value); err != nil {
				return err
			}
			key, value, more = next()
		}
		if more && bytes.Equal(key, k) {
			if err := different(k, &v, &value); err != nil {
				return err
			}
			key, value, more = next()
			return nil
		}
		return different(k, &v, nil)
	})
	for ; err == nil && more; key, value, more = next() {
		err = different(key, nil, &value)
	}
	return cmp.Or(err, failed)
}

// sequence is r as an iterator; failed gets the error with which it ends.
func (r rows[V]) sequence(failed *error) iter.Seq2[[]byte, V] {
	return func(yield func([]byte, V) bool) {
		err := r(func(key []byte, value V) error {
			if !yield(bytes.Clone(key), value) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			*failed = err
		}
	}
}
