package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/store"
)

// Until is where a replay ends: with that block, or with the last one that was made
// until that time. The zero value is the end of the chain.
type Until struct {
	Block uint64
	Time  time.Time
}

// ErrUntil: there is no such block in the backup.
var ErrUntil = errors.New("the backup does not reach there")

// Replay adopts the blocks of a series into a store, in which nobody else may write,
// and returns how many. Each is checked as a follower checks it.
func (s *Series) Replay(ctx context.Context, into *store.Store, until Until) (uint64, error) {
	r := &replay{adopter: fsm.NewAdopter(into), until: until}
	_, err := s.Blocks(ctx, func(canonical []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return r.next(canonical)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return r.verifier.Length(), err
	}
	switch length := r.verifier.Length(); {
	case length == 0:
		return 0, fmt.Errorf("%w: its first block was made after %s", ErrUntil, until.Time.UTC().Format(time.RFC3339))
	case length < until.Block:
		return length, fmt.Errorf("%w: it ends with block %d", ErrUntil, length)
	default:
		return length, nil
	}
}

// replay is one run of Replay.
type replay struct {
	adopter  *fsm.Adopter
	until    Until
	verifier chain.Verifier
	token    string
}

func (r *replay) next(canonical []byte) error {
	if r.until.Block > 0 && r.verifier.Length() == r.until.Block {
		return errEnough
	}
	c, err := r.verifier.Check(canonical)
	if err != nil {
		return err
	}
	if !r.until.Time.IsZero() && c.Block.Timestamp.Time().After(r.until.Time) {
		return errEnough
	}
	if err := r.verifier.Link(c); err != nil {
		return err
	}
	if c.Block.Contract != nil {
		r.token = c.Block.Contract.Token
	}
	_, err = r.adopter.Adopt(r.token, []chain.Checked{c}) // one at a time: the count of entries follows from the blocks alone
	return err
}
