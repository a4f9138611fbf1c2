package api

import (
	"context"
	"net/http"
	"time"

	"github.com/bpsc/bpsc/api/admission"
	"github.com/bpsc/bpsc/api/cors"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
)

// Writer orders writes. Its errors are or wrap a chain.Code or an outcome.Code;
// anything else is answered as an internal error.
type Writer interface {
	// Submit orders transactions of one contract, in their order, and returns
	// one outcome for each. It must not keep txs once it has returned.
	Submit(ctx context.Context, c *chain.Contract, txs []chain.Transaction) []chain.Outcome
	// Produce forges the next block of a contract, an empty one too.
	Produce(ctx context.Context, token string) (chain.Produced, error)
	// CreateContract begins a chain. A member that has applied the index knows
	// the contract.
	CreateContract(ctx context.Context, c chain.Contract) (appliedIndex uint64, err error)
	// RegisterNodes adds host:port addresses for the network that asks. A member
	// that has applied the index lists them.
	RegisterNodes(ctx context.Context, nodes []string, from string) (appliedIndex uint64, err error)
	// RemoveNode takes one off the list, or fails with chain.NotFound.
	RemoveNode(ctx context.Context, node string) (appliedIndex uint64, err error)
}

// Member is what the API asks of the cluster.
type Member interface {
	// Barrier returns once this replica has applied all that was acknowledged
	// anywhere before the call.
	Barrier(ctx context.Context) error
	// WaitApplied returns once this replica has applied the index.
	WaitApplied(ctx context.Context, index uint64) error
	// Ready says why this member should get no requests now.
	Ready() error
	// Busy says why this member would refuse a write of so many bytes for the load that
	// there is, before anybody reads it; nil where it would not.
	Busy(bytes int) error
	// LastContact is the time since this member last heard the leader; 0 on
	// the leader itself.
	LastContact() time.Duration
	// Leader is the member known to lead.
	Leader() (id string, ok bool)
	// Now is the time, in unix microseconds, that the next entry would carry;
	// false while this member cannot tell.
	Now() (micros int64, ok bool)
	// IsLeader tells whether it is this one.
	IsLeader() bool
	// Cluster is how every member is, as far as this one has heard. It asks none
	// of them: anybody may call it as often as they like.
	Cluster() ClusterStatus
	// Addresses are the URLs that the members have announced. It is asked for each
	// request of a page, before anybody knows whose it is: it costs next to nothing.
	Addresses() []string
	ClusterLog
	LevelSwitch
	MemberChanger
	TokenKeeper
	AuditLog
}

// memberServer is a replica of the cluster: it adds the writes, and what only
// a member knows.
type memberServer struct {
	*server
	write  Writer
	member Member
	check  *intake.Checker
	// patience is how long each transaction may take.
	patience *admission.Patience
	// backingUp has a place for one backup.
	backingUp admission.Places
	answered  answered
}

// New returns the handler for everything a member serves over HTTP.
func New(cfg Config, w Writer, r Reader, m Member, e Evidence) (http.Handler, error) {
	s, err := newMember(cfg, w, r, m, e)
	if err != nil {
		return nil, err
	}
	return s.routes(), nil
}

// howToContract is what an operator can do for a cluster without a contract.
const howToContract = "start the members with --contract FILE, or make one with POST /v1/contracts"

func newMember(cfg Config, w Writer, r Reader, m Member, e Evidence) (*memberServer, error) {
	s, err := newServer(cfg, r, e)
	if err != nil {
		return nil, err
	}
	member := &memberServer{server: s, write: w, member: m, check: intake.NewChecker(s.cfg.Random, s.cfg.Admitted), patience: admission.NewPatience(s.cfg.WriteTimeout), backingUp: admission.NewPlaces(1)}
	s.role = member
	return member, nil
}

// findContract implements role: a member that has applied all that was acknowledged
// knows all contracts.
func (s *memberServer) findContract(ctx context.Context, _ string) error {
	return s.member.Barrier(ctx)
}

func (s *memberServer) now() (at chain.Micros, ok bool) {
	micros, ok := s.member.Now()
	return chain.Micros(micros), ok
}

func (s *memberServer) kind() string { return "member" }

func (s *memberServer) whyNoContract() string {
	if err := s.member.Ready(); err != nil {
		return err.Error()
	}
	return howToContract
}

// peers implements role: the members, by the addresses that they go by.
func (s *memberServer) peers() []string { return cors.Origins(s.member.Addresses()) }
