package intake

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
)

// verifier checks signatures on all cores, joined into batches where several
// wait, because a batch takes about half the time of its parts. It has no
// goroutine of its own: whoever waits for a check and gets a slot does the work
// of all who wait. So a single request on an idle member is checked at once,
// and under load batches form by themselves.
//
// A check is owned by its caller until it is queued, by waiting while it is there,
// then by the slot that took it until its group counts it off, and then by its
// caller again, who sees good because counting off is atomic and comes after it.
//
// No check waits for ever: its caller is in work until the group is done, and
// there either waits for a slot, of which each holder verifies what it took and
// puts the slot back, or has seen waiting empty, and then a holder has all that is
// left of the group in hand.
type verifier struct {
	slots chan *slot // as many as there are cores
	keys  *chain.Keys

	mu      sync.Mutex
	waiting []*check // guarded by mu, as is warned; oldest first
	warned  int      // batches that are to be small, since there was a bad signature
}

// slot is the right to use a core, with the memory that takes.
type slot struct {
	taken []*check
	batch []chain.Signed
}

// check is one signature that somebody waits for.
type check struct {
	chain.Signed
	good  bool // set once the group is done
	group *group
}

// group is the checks of one request.
type group struct {
	left atomic.Int64
	done chan struct{} // closed when none is left
}

func newVerifier() *verifier {
	v := &verifier{slots: make(chan *slot, runtime.GOMAXPROCS(0)), keys: chain.NewKeys(maxKeys)}
	for range cap(v.slots) {
		v.slots <- &slot{}
	}
	return v
}

// check sets good on each of checks and returns once it has, or refuses all of
// them when too many wait already. The messages are read until it returns.
func (v *verifier) check(checks []check) error {
	if len(checks) == 0 {
		return nil
	}
	g := &group{done: make(chan struct{})}
	g.left.Store(int64(len(checks)))
	if err := v.queue(g, checks); err != nil {
		return err
	}
	// A large request is work for more than one core.
	var helpers sync.WaitGroup
	for range min((len(checks)-1)/sharedVerifyBatch, cap(v.slots)-1) {
		helpers.Go(func() { v.work(g) })
	}
	v.work(g)
	helpers.Wait()
	<-g.done
	return nil
}

func (v *verifier) queue(g *group, checks []check) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.waiting)+len(checks) > maxWaitingSignatures {
		return outcome.QueueFull
	}
	for i := range checks {
		checks[i].group = g
		v.waiting = append(v.waiting, &checks[i])
	}
	return nil
}

// work returns once the group is done. As long as checks wait it takes every
// slot it can get, and checks what has waited longest, whoever's it is.
func (v *verifier) work(g *group) {
	for g.left.Load() > 0 {
		select {
		case <-g.done:
		case s := <-v.slots:
			// Requests that are about to come this far come along: a quarter less
			// work for each under load, and nothing lost where there are none.
			runtime.Gosched()
			busy := v.take(s)
			if !s.verify(v.keys) {
				v.warn()
			}
			v.slots <- s
			if !busy {
				<-g.done // others have the rest of the group in hand
			}
		}
	}
}

// take moves what has waited longest into the slot: a fair share of it, so that
// the other cores have something to do too. It returns false if nothing waits.
func (v *verifier) take(s *slot) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	share := (len(v.waiting) + cap(v.slots) - 1) / cap(v.slots)
	most := maxVerifyBatch
	if v.warned > 0 {
		v.warned--
		most = warnedVerifyBatch
	}
	n := min(len(v.waiting), max(share, minVerifyBatch), most)
	s.taken = append(s.taken[:0], v.waiting[:n]...)
	clear(v.waiting[:n]) // what is done is not kept alive
	if v.waiting = v.waiting[n:]; len(v.waiting) == 0 {
		v.waiting = nil
	}
	return n > 0
}

func (v *verifier) warn() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.warned = warnedBatches
}

// verify checks what was taken and tells those who wait, and whether all were good.
func (s *slot) verify(keys *chain.Keys) (all bool) {
	all = true
	s.batch = s.batch[:0]
	for _, c := range s.taken {
		s.batch = append(s.batch, c.Signed)
	}
	for i, good := range keys.VerifyBatch(s.batch) {
		c := s.taken[i]
		c.good = good
		all = all && good
		if g := c.group; g.left.Add(-1) == 0 {
			close(g.done)
		}
	}
	clear(s.taken)
	clear(s.batch)
	return all
}
