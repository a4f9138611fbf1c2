package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bpsc/bpsc/e2e/sign"
	"github.com/bpsc/bpsc/internal/harness"
)

// copies is how often each envelope is sent at the same time.
const copies = 3

// signedLoad has workers who sign and send, each envelope several times at once
// through different members, until all its senders know what became of it.
type signedLoad struct {
	c       *signedCluster
	wallets []sign.Key
	stop    atomic.Bool
	workers sync.WaitGroup

	mu       sync.Mutex // guards what follows
	all      []spoken
	holds    []spoken
	latest   time.Time // when the latest begun of the decided ones began
	failures []error
}

func (l *signedLoad) start(ctx context.Context, seed uint64, workers int) {
	for w := range workers {
		rng := rand.New(rand.NewPCG(seed, uint64(w)))
		l.workers.Go(func() {
			for !l.stop.Load() && ctx.Err() == nil {
				l.act(ctx, rng)
			}
		})
	}
}

// act does one of the things that people do with wallets.
func (l *signedLoad) act(ctx context.Context, rng *rand.Rand) {
	from, to := l.wallets[rng.IntN(len(l.wallets))], l.wallets[rng.IntN(len(l.wallets))]
	if from.Address == to.Address {
		return
	}
	units := sign.Units(2 + rng.Int64N(3_000_000_000))
	s := spoken{from: from.Address, to: to.Address, units: int64(units)}
	switch p := rng.IntN(100); {
	case p < 50:
		l.tell(ctx, rng, s, from, payment(to, units), "insufficient_funds")
	case p < 55: // more than there is
		s.units = 950_000_000_000_000
		l.tell(ctx, rng, s, from, payment(to, sign.Units(s.units)), "insufficient_funds")
	case p < 75:
		until := time.Now().Unix() + 3600
		if p < 60 {
			until = time.Now().Unix() + 2
			s.until = until
		}
		f := fresh("hold", sign.Fields{"recipient": to.Address, "amount": units, "hold_until": until})
		l.tell(ctx, rng, s, from, f, "insufficient_funds", "hold_until_invalid")
	default:
		l.resolve(ctx, rng, p)
	}
}

// resolve decides some hold, which may have been decided before; or somebody
// tries who may not; or accept and reject are under way at once.
func (l *signedLoad) resolve(ctx context.Context, rng *rand.Rand, p int) {
	l.mu.Lock()
	if len(l.holds) == 0 {
		l.mu.Unlock()
		return
	}
	h := l.holds[max(0, len(l.holds)-1-rng.IntN(30))]
	l.mu.Unlock()
	s := spoken{from: h.from, to: h.to, hold: h.ID, units: h.units}
	decide := func(rng *rand.Rand, verb, by string, codes ...string) {
		l.tell(ctx, rng, s, l.key(by), fresh(verb, sign.Fields{"hold": h.ID}), codes...)
	}
	resolved := []string{"hold_delivered", "hold_rejected", "hold_expired"}
	switch {
	case p < 78:
		decide(rng, "accept", h.from, "hold_not_yours")
	case p < 84:
		other := rand.New(rand.NewPCG(rng.Uint64(), 0))
		var wg sync.WaitGroup
		wg.Go(func() { decide(other, "reject", h.to, resolved...) })
		decide(rng, "accept", h.to, resolved...)
		wg.Wait()
	case p < 93:
		decide(rng, "accept", h.to, resolved...)
	default:
		decide(rng, "reject", h.to, resolved...)
	}
}

func (l *signedLoad) key(address string) sign.Key {
	for _, k := range l.wallets {
		if k.Address == address {
			return k
		}
	}
	panic("nobody has the key of " + address)
}

// tell sends one envelope through all members at once. Its senders must be told
// the same, at most one of them that it was the first, and of refusals only
// those that may be.
func (l *signedLoad) tell(ctx context.Context, rng *rand.Rand, s spoken, by sign.Key, f sign.Fields, codes ...string) {
	s.Envelope = l.c.chain.Sign(by, f)
	began, first := time.Now(), rng.IntN(copies)
	var decisions [copies]decision
	var errs [copies]error
	var wg sync.WaitGroup
	for i := range copies {
		wg.Go(func() { decisions[i], errs[i] = l.c.insist(ctx, first+i, s.Envelope) })
	}
	wg.Wait()
	err := errors.Join(errs[:]...)
	s.decision = decisions[0]
	firsts := 0
	for _, d := range decisions {
		if d.Code == "" && !d.Replay {
			firsts++
		}
		if err == nil && !d.same(s.decision) {
			err = fmt.Errorf("%s was answered with %+v and with %+v", s.Body, s.decision, d)
		}
	}
	allowed := s.decision.Code == ""
	for _, code := range codes {
		allowed = allowed || s.decision.Code == code
	}
	if err == nil && (firsts > 1 || !allowed) {
		err = fmt.Errorf("%s was answered with %+v, %d times as the first", s.Body, s.decision, firsts)
	}
	l.note(s, began, err)
}

func (l *signedLoad) note(s spoken, began time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failures = append(l.failures, err)
		return
	}
	l.all = append(l.all, s)
	if s.decision.Kind == "hold" {
		l.holds = append(l.holds, s)
	}
	if began.After(l.latest) {
		l.latest = began
	}
}

// awaitMore waits until n more envelopes are decided.
func (l *signedLoad) awaitMore(ctx context.Context, n int) error {
	l.mu.Lock()
	goal := len(l.all) + n
	l.mu.Unlock()
	return l.await(ctx, func() bool { return len(l.all) >= goal })
}

// awaitSince waits until an envelope is decided that was first sent after a
// moment.
func (l *signedLoad) awaitSince(ctx context.Context, moment time.Time) error {
	return l.await(ctx, func() bool { return l.latest.After(moment) })
}

func (l *signedLoad) await(ctx context.Context, enough func() bool) error {
	return harness.Until(ctx, time.Minute, "more envelopes are decided", func(context.Context) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case len(l.failures) > 0:
			return harness.Permanent(l.failures[0])
		case !enough():
			return fmt.Errorf("%d are", len(l.all))
		}
		return nil
	})
}

// end lets the workers finish and returns all that was decided.
func (l *signedLoad) end() ([]spoken, error) {
	l.stop.Store(true)
	l.workers.Wait()
	return l.all, errors.Join(l.failures...)
}
