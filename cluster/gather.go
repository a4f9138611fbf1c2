package cluster

import (
	"context"
	"net"
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
// entry in heard and end with the context of run. mu guards heard.
type gatherer struct {
	connect  func(ctx context.Context, to string) (net.Conn, error)
	absences *health.Absences
	clocks   *clock.Majority // learns what the others' clocks show
	news     func()          // called after every answer

	mu    sync.Mutex
	heard map[string]MemberStatus // by id; no entry for one that does not answer
}

// run asks these members until ctx ends.
func (g *gatherer) run(ctx context.Context, others []string) {
	var watching sync.WaitGroup
	for _, id := range others {
		watching.Go(func() { g.watch(ctx, id) })
	}
	watching.Wait()
}

// status is what a member said last.
func (g *gatherer) status(id string) MemberStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s, ok := g.heard[id]; ok {
		return s
	}
	return MemberStatus{Role: RoleUnreachable, NotReady: "it does not answer", NotSigning: "it does not answer"}
}

// watch asks one member, and connects again whenever that ends.
func (g *gatherer) watch(ctx context.Context, id string) {
	for ctx.Err() == nil {
		conn, err := g.connect(ctx, id)
		if err == nil {
			err = g.ask(ctx, id, conn)
			_ = conn.Close()
		}
		g.absences.Missed(id, port.Refusal(err, id))
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
		asked := time.Now()
		var answer statusAnswer
		if err := asker.Ask(&answer); err != nil {
			return err
		}
		g.clocks.Note(id, asked, time.Now(), answer.Clock)
		g.mu.Lock()
		g.heard[id] = answer.MemberStatus
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
	Clock int64 // unix microseconds
}
