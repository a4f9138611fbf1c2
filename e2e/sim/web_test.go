package sim

import (
	"context"
	"sync"
	"time"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/webserver"
	"github.com/bpsc/bpsc/node"
	"github.com/bpsc/bpsc/store"
)

// web is a member's HTTP server in one of its lives: the real one, with the real API, for
// followers. Clients do not come by it.
type web struct {
	server   *webserver.Server
	listener *listener
	serving  sync.WaitGroup
}

// serves has a life answer HTTP. Nobody gets to it before it has started (simulation.look).
func (l *life) serves() error {
	cfg := api.DefaultConfig()
	cfg.Logger = l.member.cluster.logger.With("m", l.String())
	handler, err := api.New(cfg, nil, memberState{l.store}, memberStatus{node: l.node}, node.NewEvidence(l.store, nil, 0))
	if err != nil {
		return err
	}
	server, err := api.NewServer(cfg, handler)
	if err != nil {
		return err
	}
	w := &web{server: server, listener: newListener(webAddress(l.member.number), l)}
	w.serving.Go(func() { _ = server.Serve(w.listener) })
	l.web = w
	return nil
}

// listens is where followers get to a life; nil: nowhere.
func (l *life) listens() *listener {
	if l.web == nil {
		return nil
	}
	return l.web.listener
}

// end has it end at once.
func (w *web) end(at context.Context) {
	_ = w.server.Shutdown(at)
	w.serving.Wait()
}

// memberState is a member's store as the API sees it.
type memberState struct{ *store.Store }

func (s memberState) Time(string) chain.Micros { return s.Store.Time() }

func (s memberState) AccountAt(token, name string, block uint64) (chain.Account, error) {
	return fsm.AccountAt(s.Store, token, name, block)
}

// memberStatus is a member as the API asks for it where it answers reads. Nobody asks it
// for anything else.
type memberStatus struct {
	api.Member
	node *cluster.Member
}

func (s memberStatus) Barrier(ctx context.Context) error { return s.node.Barrier(ctx) }

func (s memberStatus) WaitApplied(ctx context.Context, index uint64) error {
	return s.node.WaitApplied(ctx, index)
}

func (s memberStatus) Ready() error { return s.node.Ready() }

func (s memberStatus) LastContact() time.Duration { return s.node.LastContact() }

func (s memberStatus) Leader() (id string, ok bool) { return s.node.Leader() }

func (s memberStatus) Now() (micros int64, ok bool) { return s.node.Now() }

func (s memberStatus) IsLeader() bool { return s.node.IsLeader() }
