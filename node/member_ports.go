package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/cluster/status"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/internal/token"
	"github.com/bpsc/bpsc/store"
)

// requester is the way from typed requests into the log. Those of a level that is not
// active stay out of it: a member that does not know them would stop.
func requester(m *cluster.Member, active func() release.Need) command.Requester {
	propose := anyLevel(m)
	return func(ctx context.Context, requests [][]byte) []command.Result {
		level := active().Level
		for _, r := range requests {
			if need := command.NeedOf(r); need.Level > level {
				refused := command.Result{Err: fmt.Errorf("%w: level %d is, and this needs %d", chain.LevelNotActive, level, need.Level)}
				return slices.Repeat([]command.Result{refused}, len(requests))
			}
		}
		return propose(ctx, requests)
	}
}

// anyLevel is requester for what activates a level, which is of that level itself.
func anyLevel(m *cluster.Member) command.Requester {
	return func(ctx context.Context, requests [][]byte) []command.Result {
		results := m.Propose(ctx, requests)
		answers := make([]command.Result, len(results))
		for i, r := range results {
			answers[i] = command.Result(r)
		}
		return answers
	}
}

// memberState is a member's store as the API sees it.
type memberState struct{ *store.Store }

// Time is the machine's: all chains of a member go by one clock.
func (s memberState) Time(string) chain.Micros { return s.Store.Time() }

// AccountAt is by the ledger's rules.
func (s memberState) AccountAt(token, name string, block uint64) (chain.Account, error) {
	return fsm.AccountAt(s.Store, token, name, block)
}

// memberStatus is the cluster as the API sees it.
type memberStatus struct {
	*cluster.Member
	node *Member
}

// MakeToken, RevokeToken and those of the audit log put what an operator asks for into the
// log; what is there is read from the state.

func (s memberStatus) Tokens() []*token.Token { return s.node.store.Tokens() }

func (s memberStatus) MakeToken(ctx context.Context, t *token.Token) (uint64, error) {
	return s.node.requests.MakeToken(ctx, command.MakeToken{Hash: t.Hash, Name: t.Name, Roles: t.Roles, Contract: t.Contract, Expires: t.Expires, Parent: t.Parent})
}

func (s memberStatus) RevokeToken(ctx context.Context, id, by string) (uint64, error) {
	return s.node.requests.RevokeToken(ctx, id, by)
}

func (s memberStatus) AuditLog(from uint64, limit int) ([]auditlog.Entry, bool) {
	return s.node.store.AuditLog(from, limit)
}

func (s memberStatus) BeginAction(ctx context.Context, a auditlog.Action) (uint64, error) {
	return s.node.requests.BeginAction(ctx, a)
}

func (s memberStatus) EndAction(ctx context.Context, number uint64, result string) error {
	return s.node.requests.EndAction(ctx, number, result)
}

// Ready adds to the cluster's readiness that there is something to serve.
func (s memberStatus) Ready() error {
	if err := s.Member.Ready(); err != nil {
		return err
	}
	ready, _ := s.node.condition()
	return ready
}

// condition is what the cluster does not know: whether there is something to
// serve, and whether this member signs.
func (m *Member) condition() (ready, signing error) {
	signing = m.attest.Ready()
	if _, ok := m.store.DefaultToken(); m.cfg.Contract != nil && !ok {
		return errors.New("the default contract is not created yet"), signing
	}
	return cmp.Or(m.unsaid(), signing), signing
}

// Addresses implements api.Member.
func (s memberStatus) Addresses() []string { return s.node.policies().urls() }

// Cluster joins what the cluster knows with the URLs that members announced.
func (s memberStatus) Cluster() api.ClusterStatus {
	status, agreements := s.Status(), s.node.agreed.of(time.Now())
	out := api.ClusterStatus{ID: s.node.cfg.ID, Leader: status.Leader, Term: status.Term, Configuration: s.Configuration().Index}
	for _, p := range status.Members {
		out.Members = append(out.Members, api.MemberStatus{
			ID: p.ID, Instance: p.Instance, Voter: p.Voter, Stays: p.Stays, Replacing: p.Replacing, Waits: p.Waits,
			Raft: p.Addr, API: s.node.policies().url(p.ID), Role: p.Role, Term: p.Term,
			Version: p.Release.Version, LevelSupported: p.Release.Knows, LevelActive: p.Release.Active.Level,
			NoRoom: p.NoRoom, DiskFree: p.DiskFree, DiskReserve: p.DiskReserve,
			Applied: p.Applied, Commit: p.Commit, Last: p.Last, Lag: p.Lag,
			LastContactMS: p.LastContact.Milliseconds(), Unfit: p.Unfit,
			ClockOffsetMS: p.ClockOffset.Milliseconds(),
			Ready:         p.NotReady == "", NotReady: p.NotReady, Signing: p.NotSigning == "", NotSigning: p.NotSigning,
			Began: p.Began.UTC(), SnapshotIndex: p.SnapshotIndex, SnapshotTaken: p.SnapshotTaken.UTC(),
			LogWriteP99: millis(p.LogWriteP99), Certificates: shownCertificates(p.Certificates),
			Agreement: agreements[string(p.Identity())],
		})
	}
	return out
}

func shownCertificates(list []status.Certificate) (shown []api.CertificateStatus) {
	for _, c := range list {
		shown = append(shown, api.CertificateStatus(c))
	}
	return shown
}

// shownToMembers is Certificates in the words of the cluster, which tells the other members.
func (m *Member) shownToMembers() (list []status.Certificate) {
	for _, c := range m.Certificates() {
		list = append(list, status.Certificate(c))
	}
	return list
}

// ClusterEvents implements api.ClusterLog.
func (s memberStatus) ClusterEvents(after uint64, limit int) api.ClusterEvents {
	events, more := s.Events(after, limit)
	page := api.ClusterEvents{Member: s.node.cfg.ID, Began: s.Self().Began.UTC()}
	for _, e := range events {
		page.Items = append(page.Items, api.ClusterEvent{Number: e.Number, Time: e.Time.UTC(), Kind: string(e.Kind), Term: e.Term, Member: e.Member, Text: e.Text})
	}
	if more {
		page.Next = events[len(events)-1].Number
	}
	return page
}
