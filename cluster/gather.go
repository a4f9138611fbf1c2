package cluster

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/bpsc/bpsc/cluster/clock"
	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/peer"
	"github.com/bpsc/bpsc/cluster/port"
)

// gatherer asks the other members how they are, again and again, over one
// kept-open connection to each, and keeps what they said last. All who want to
// know read it here: so many readers cost the members no more than none.
//
// It owns one goroutine for each of the others, which alone writes that member's
// entry in heard and ends with the context of run, or when the other is no member any
// more. mu guards heard and watched, and that none is started after run.
type gatherer struct {
	connect  func(ctx context.Context, to string) (net.Conn, error)
	absences *health.Absences
	clocks   *clock.Majority             // learns what the others' clocks show
	news     func()                      // called after every answer
	last     func() uint64               // the last entry of this member's log
	lost     func()                      // called when nobody listens any more where there was a member
	told     func(id string, there bool) // called when a member does not answer, and when it does again
	ctx      context.Context             // ends all of it

	mu       sync.Mutex
	ended    bool
	period   time.Duration                 // between two questions
	heard    map[string]statusAnswer       // by identity; no entry for one that does not answer
	gone     map[string]bool               // by identity, those whose process has ended
	askers   map[string]*peer.Asker        // of the connections that stand
	called   map[string]chan struct{}      // token: the member has called
	watched  map[string]context.CancelFunc // those that are asked
	watching sync.WaitGroup
}

// run waits for the end of ctx and of all that begin lets follow start.
func (g *gatherer) run() {
	<-g.ctx.Done()
	g.mu.Lock()
	g.ended = true
	g.mu.Unlock()
	g.watching.Wait()
}

// follow asks these members from now on, by their identities, and no others.
func (g *gatherer) follow(others []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return
	}
	for id, stop := range g.watched {
		if !slices.Contains(others, id) {
			stop()
			delete(g.watched, id)
			delete(g.called, id)
		}
	}
	for _, id := range others {
		if _, ok := g.watched[id]; !ok {
			ctx, stop := context.WithCancel(g.ctx)
			g.watched[id] = stop
			called := make(chan struct{}, 1)
			g.called[id] = called
			g.watching.Go(func() { g.watch(ctx, id, called) })
		}
	}
}

// status is what a member said last.
func (g *gatherer) status(id string) MemberStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s, ok := g.heard[id]; ok {
		return s.MemberStatus
	}
	return MemberStatus{Role: RoleUnreachable, NotReady: "it does not answer", NotSigning: "it does not answer"}
}

// noRoom is why a member takes no writes for want of room, "" where it has room or was
// not heard, and whether it takes part at all.
func (g *gatherer) noRoom(id string) (there bool, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, there := g.heard[id]
	return there && s.Role != RoleUnreachable, s.NoRoom
}

// lag is how far behind this member's log another one was, if it answers.
func (g *gatherer) lag(id string) (there bool, entries uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, there := g.heard[id]
	return there, s.lag
}

// waits is what a leader said of a member that is to become a voter.
func (g *gatherer) waits(leader, id string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.heard[leader].Waits[id]
}

// searches tells whether one of the others looks for a replacement of a member.
func (g *gatherer) searches(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.heard {
		if slices.Contains(s.Searching, id) {
			return true
		}
	}
	return false
}

// vouches tells whether one of the others has a member of that identity, which came after the
// founders, in a configuration that is later than one.
func (g *gatherer) vouches(id string, later uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for who, s := range g.heard {
		if _, asked := g.watched[who]; asked && s.Configured > later && slices.Contains(s.Joined, id) {
			return true
		}
	}
	return false
}

// pace sets how often all are asked from now on.
func (g *gatherer) pace(period time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	faster := period < g.period
	g.period = period
	for _, asker := range g.askers {
		if faster {
			asker.Hurry()
		}
	}
}

// isGone tells whether a member's process has ended: a connection to it was lost, and
// twice since then its host has said that nobody listens there. A single refusal is also
// that of a host on which it is just starting again.
func (g *gatherer) isGone(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gone[id]
}

// fresh is what a member has said not long ago, asked after some moment. That its answer
// was on the way for long, as between regions, does not make it old.
func (g *gatherer) fresh(id string, now, asked time.Time) (statusAnswer, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, ok := g.heard[id]
	return s, ok && s.asked.After(asked) && now.Sub(s.answered) < max(freshStatus, 2*g.period)
}

// watch asks one member, and connects again whenever that ends: many times at once when
// it was connected before, to learn whether its process is there. One that ends closes
// its connections and its port one after the other.
func (g *gatherer) watch(ctx context.Context, id string, called <-chan struct{}) {
	met, refused, lost := false, 0, time.Time{}
	there := &presence{told: func(is bool) { g.told(id, is) }, since: time.Now()}
	for ctx.Err() == nil {
		conn, err := g.connect(ctx, id)
		switch {
		case err == nil:
			met, refused = true, 0
			g.noteGone(id, false)
			err = g.ask(ctx, id, conn, there)
			_ = conn.Close()
			if now := time.Now(); now.Sub(lost) > lostPeriod {
				lost = now
			}
		case met && port.NobodyListens(err):
			refused++
			g.noteGone(id, refused > 1)
		default:
			refused = 0
			g.noteGone(id, false)
		}
		if ctx.Err() == nil { // else it is not missed
			g.absences.Missed(id, port.Refusal(err, id))
			there.misses(refused > 1)
		}
		g.mu.Lock()
		delete(g.heard, id)
		g.mu.Unlock()
		pause := statusRedial
		if refused == 1 || met && refused == 0 && time.Since(lost) < lostLooks {
			pause = lostRedial
		}
		select {
		case <-called:
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	g.noteGone(id, false)
}

// hears notes that a member has called: so it is there to be asked.
func (g *gatherer) hears(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if called, watched := g.called[id]; watched {
		signal(called)
	}
}

// noteGone notes whether a member's process has ended.
func (g *gatherer) noteGone(id string, gone bool) {
	g.mu.Lock()
	news := gone && !g.gone[id]
	if gone {
		g.gone[id] = true
	} else {
		delete(g.gone, id)
	}
	g.mu.Unlock()
	if news {
		g.lost()
	}
}

// ask asks over one connection until it breaks.
func (g *gatherer) ask(ctx context.Context, id string, conn net.Conn, there *presence) error {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	asker := peer.NewAsker(conn)
	g.mu.Lock()
	g.askers[id] = asker
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		if g.askers[id] == asker { // or a later one's
			delete(g.askers, id)
		}
		g.mu.Unlock()
	}()
	for {
		asked, last := time.Now(), g.last()
		var answer statusAnswer
		if err := asker.Ask(&answer); err != nil {
			return err
		}
		answer.asked, answer.answered = asked, time.Now()
		g.clocks.Note(id, asked, answer.answered, answer.Clock)
		g.mu.Lock()
		answer.lag = last - min(last, answer.Applied)
		g.heard[id] = answer
		period := g.period
		g.mu.Unlock()
		g.absences.Heard(id)
		there.answers()
		g.news()
		if err := asker.Rest(period); err != nil {
			return err
		}
	}
}

// statusAnswer is what a member answers: how it is, and what its wall clock shows
// at this moment.
type statusAnswer struct {
	MemberStatus
	Clock     int64    // unix microseconds
	Vacant    bool     `json:",omitempty"` // it knows of no leader that it hears
	Searching []string `json:",omitempty"` // ids of members for which it looks for a replacement
	// Joined are the identities of the members that came after the founders, in the configuration
	// that it goes by, and Configured is that one's index: nothing where there are none, so that
	// the answer stays small.
	Joined     []string `json:",omitempty"`
	Configured uint64   `json:",omitempty"`
	// Waits is what members wait for that are to become voters, by identity, as a
	// leader knows it.
	Waits map[string]string `json:",omitempty"`

	lag             uint64 // entries that this member had, and it had not applied
	asked, answered time.Time
}
