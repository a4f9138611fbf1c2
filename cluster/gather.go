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
	clocks   *clock.Majority // learns what the others' clocks show
	news     func()          // called after every answer
	last     func() uint64   // the last entry of this member's log
	ctx      context.Context // ends all of it

	mu       sync.Mutex
	ended    bool
	heard    map[string]statusAnswer       // by identity; no entry for one that does not answer
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
		}
	}
	for _, id := range others {
		if _, ok := g.watched[id]; !ok {
			ctx, stop := context.WithCancel(g.ctx)
			g.watched[id] = stop
			g.watching.Go(func() { g.watch(ctx, id) })
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

// watch asks one member, and connects again whenever that ends.
func (g *gatherer) watch(ctx context.Context, id string) {
	for ctx.Err() == nil {
		conn, err := g.connect(ctx, id)
		if err == nil {
			err = g.ask(ctx, id, conn)
			_ = conn.Close()
		}
		if ctx.Err() == nil { // else it is not missed
			g.absences.Missed(id, port.Refusal(err, id))
		}
		g.mu.Lock()
		delete(g.heard, id)
		g.mu.Unlock()
		select {
		case <-time.After(statusRedial):
		case <-ctx.Done():
		}
	}
}

// ask asks over one connection until it breaks.
func (g *gatherer) ask(ctx context.Context, id string, conn net.Conn) error {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	asker := peer.NewAsker(conn)
	for {
		asked, last := time.Now(), g.last()
		var answer statusAnswer
		if err := asker.Ask(&answer); err != nil {
			return err
		}
		g.clocks.Note(id, asked, time.Now(), answer.Clock)
		g.mu.Lock()
		answer.lag = last - min(last, answer.Applied)
		g.heard[id] = answer
		g.mu.Unlock()
		g.absences.Heard(id)
		g.news()
		if err := asker.Rest(statusPeriod); err != nil {
			return err
		}
	}
}

// statusAnswer is what a member answers: how it is, and what its wall clock shows
// at this moment.
type statusAnswer struct {
	MemberStatus
	Clock     int64    // unix microseconds
	Searching []string `json:",omitempty"` // ids of members for which it looks for a replacement
	// Waits is what members wait for that are to become voters, by identity, as a
	// leader knows it.
	Waits map[string]string `json:",omitempty"`

	lag uint64 // entries that this member had, and it had not applied
}
