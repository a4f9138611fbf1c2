package status

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

const (
	// Period is how often a member asks each of the others how it is: often enough to
	// notice within a second that a clock was set, at a hundredth of a core at
	// most. redialPause is how long it waits before it connects again.
	Period      = 500 * time.Millisecond
	redialPause = 200 * time.Millisecond

	// A member whose connection was lost is dialled again so often, for so long, until it
	// is clear whether its process is there; but not in each of the connections that a
	// network ends one after the other.
	lostRedial = 3 * time.Millisecond
	lostLooks  = 50 * time.Millisecond
	lostPeriod = 200 * time.Millisecond

	// For how long what another member said counts in the question whether anybody
	// leads, at least. Meanwhile it is asked every few milliseconds.
	freshFor = 100 * time.Millisecond
)

// Gatherer asks the other members how they are, again and again, over one
// kept-open connection to each, and keeps what they said last. All who want to
// know read it here: so many readers cost the members no more than none.
//
// It owns one goroutine for each of the others, which alone writes that member's
// entry in heard and ends with ctx, or when the other is no member any
// more. mu guards heard and watched, and that none is started after Run.
type Gatherer struct {
	ctx context.Context // ends all of it
	cfg Config

	mu       sync.Mutex
	ended    bool
	period   time.Duration                 // between two questions
	heard    map[string]Answer             // by identity; no entry for one that does not answer
	gone     map[string]bool               // by identity, those whose process has ended
	askers   map[string]*peer.Asker        // of the connections that stand
	called   map[string]chan struct{}      // token: the member has called
	watched  map[string]context.CancelFunc // those that are asked
	watching sync.WaitGroup
}

// Config is what a Gatherer asks by, and whom it tells.
type Config struct {
	Connect  func(ctx context.Context, to string) (net.Conn, error)
	Absences *health.Absences
	Clocks   *clock.Majority             // learns what the others' clocks show
	Last     func() uint64               // the last entry of this member's log
	News     func()                      // called after every answer
	Lost     func()                      // called when nobody listens any more where there was a member
	Told     func(id string, there bool) // called when a member does not answer, and when it does again
}

// NewGatherer is one that asks nobody yet. All of it ends with ctx.
func NewGatherer(ctx context.Context, cfg Config) *Gatherer {
	return &Gatherer{
		ctx: ctx, cfg: cfg, period: Period,
		heard: map[string]Answer{}, gone: map[string]bool{}, askers: map[string]*peer.Asker{},
		called: map[string]chan struct{}{}, watched: map[string]context.CancelFunc{},
	}
}

// Run waits for the end of ctx and of all that Follow starts.
func (g *Gatherer) Run() {
	<-g.ctx.Done()
	g.mu.Lock()
	g.ended = true
	g.mu.Unlock()
	g.watching.Wait()
}

// Follow asks these members from now on, by their identities, and no others.
func (g *Gatherer) Follow(others []string) {
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

// Member is what a member said last.
func (g *Gatherer) Member(id string) Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s, ok := g.heard[id]; ok {
		return s.Member
	}
	return Member{Role: RoleUnreachable, NotReady: "it does not answer", NotSigning: "it does not answer"}
}

// NoRoom is why a member takes no writes for want of room, "" where it has room or was
// not heard, and whether it takes part at all.
func (g *Gatherer) NoRoom(id string) (there bool, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, there := g.heard[id]
	return there && s.Role != RoleUnreachable, s.NoRoom
}

// Lag is how far behind this member's log another one was, if it answers.
func (g *Gatherer) Lag(id string) (there bool, entries uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, there := g.heard[id]
	return there, s.lag
}

// Waits is what a leader said of a member that is to become a voter.
func (g *Gatherer) Waits(leader, id string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.heard[leader].Waits[id]
}

// Searches tells whether one of the others looks for a replacement of a member.
func (g *Gatherer) Searches(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.heard {
		if slices.Contains(s.Searching, id) {
			return true
		}
	}
	return false
}

// Vouches tells whether one of the others has a member of that identity, which came after the
// founders, in a configuration that is later than one.
func (g *Gatherer) Vouches(id string, later uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for who, s := range g.heard {
		if _, asked := g.watched[who]; asked && s.Configured > later && slices.Contains(s.Joined, id) {
			return true
		}
	}
	return false
}

// Pace sets how often all are asked from now on.
func (g *Gatherer) Pace(period time.Duration) {
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

// IsGone tells whether a member's process has ended: a connection to it was lost, and
// twice since then its host has said that nobody listens there. A single refusal is also
// that of a host on which it is just starting again.
func (g *Gatherer) IsGone(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gone[id]
}

// Fresh is what a member has said not long ago, asked after some moment. That its answer
// was on the way for long, as between regions, does not make it old.
func (g *Gatherer) Fresh(id string, now, asked time.Time) (Answer, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, ok := g.heard[id]
	return s, ok && s.asked.After(asked) && now.Sub(s.answered) < max(freshFor, 2*g.period)
}

// watch asks one member, and connects again whenever that ends: many times at once when
// it was connected before, to learn whether its process is there. One that ends closes
// its connections and its port one after the other.
func (g *Gatherer) watch(ctx context.Context, id string, called <-chan struct{}) {
	met, refused, lost := false, 0, time.Time{}
	there := &presence{told: func(is bool) { g.cfg.Told(id, is) }, since: time.Now()}
	for ctx.Err() == nil {
		conn, err := g.cfg.Connect(ctx, id)
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
			g.cfg.Absences.Missed(id, port.Refusal(err, id))
			there.misses(refused > 1)
		}
		g.mu.Lock()
		delete(g.heard, id)
		g.mu.Unlock()
		pause := redialPause
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

// Hears notes that a member has called: so it is there to be asked.
func (g *Gatherer) Hears(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if called, watched := g.called[id]; watched {
		select {
		case called <- struct{}{}:
		default:
		}
	}
}

// noteGone notes whether a member's process has ended.
func (g *Gatherer) noteGone(id string, gone bool) {
	g.mu.Lock()
	news := gone && !g.gone[id]
	if gone {
		g.gone[id] = true
	} else {
		delete(g.gone, id)
	}
	g.mu.Unlock()
	if news {
		g.cfg.Lost()
	}
}

// ask asks over one connection until it breaks.
func (g *Gatherer) ask(ctx context.Context, id string, conn net.Conn, there *presence) error {
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
		asked, last := time.Now(), g.cfg.Last()
		var answer Answer
		if err := asker.Ask(&answer); err != nil {
			return err
		}
		answer.asked, answer.answered = asked, time.Now()
		g.cfg.Clocks.Note(id, asked, answer.answered, answer.Clock)
		g.mu.Lock()
		answer.lag = last - min(last, answer.Applied)
		g.heard[id] = answer
		period := g.period
		g.mu.Unlock()
		g.cfg.Absences.Heard(id)
		there.answers()
		g.cfg.News()
		if err := asker.Rest(period); err != nil {
			return err
		}
	}
}

// Answer is what a member answers: how it is, and what its wall clock shows
// at this moment.
type Answer struct {
	Member
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
