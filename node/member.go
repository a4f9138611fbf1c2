package node

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/admitted"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/node/metrics"
	"github.com/bpsc/bpsc/store"
)

// Member is a running member of a cluster. Its methods are safe for concurrent
// use.
type Member struct {
	*service
	cfg MemberConfig

	// Set by open, in this order, and not changed by anybody else.
	files    files
	store    *store.Store
	cluster  *cluster.Member
	key      proof.SigningKey
	requests command.Requester
	attest   attesting
	admitted *admitted.Signatures // verified when they came, and not again in blocks

	agreed     agreements  // what the API shows of the members' states
	introduced time.Time   // when introduce began, whose goroutine has it
	backedUp   moment      // when a whole backup was taken last
	recovering atomic.Bool // the log has to say first that the cluster was recovered

	met atomic.Pointer[[]string] // URLs of the others; nil while the state is not open

	left bool // of the goroutine that stops or closes
}

// StartMember starts a member. It serves when StartMember returns, but may not be
// ready: that takes a majority of the members. When ctx ends before the
// member is up it is given up, and whatever was opened is closed in the background.
func StartMember(ctx context.Context, cfg MemberConfig) (*Member, error) {
	if err := cfg.Validate(); err != nil {
		return nil, usage(err)
	}
	if cfg.Advertise == "" {
		cfg.Advertise = cfg.TLS.scheme() + cfg.Listen
	}
	m := &Member{service: newService(cfg.Common, folder.Raft, folder.State), cfg: cfg, admitted: admitted.New()}
	m.agreed.compare = m.compareAll
	if err := m.start(ctx, m); err != nil {
		return nil, err
	}
	return m, nil
}

// open implements kind.
func (m *Member) open() (err error) {
	if err := m.check(); err != nil {
		return err
	}
	if m.files, err = memberFiles(m.cfg.Files, m.cfg.clusterConfig().Files()+m.cfg.adminFiles()); err != nil {
		return err
	}
	if err := refuseDiverged(m.cfg.Data, m.rebuild()); err != nil {
		return err
	}
	if err := m.take(); err != nil {
		return err
	}
	for _, left := range []string{backupFolder, folder.Copied} { // by a crash
		if err := durable.RemoveAll(m.path(left)); err != nil {
			return err
		}
	}
	m.fence.Look()
	began := time.Now()
	m.store, err = store.Open(store.Config{Dir: m.path(folder.State), Tables: m.files.tables, Logger: m.log, Fatal: m.distrust(m)})
	if err != nil {
		return err
	}
	m.log.Info("the state is open", "took", time.Since(began))
	met := folder.Others(m.store.Members(), m.cfg.ID)
	m.met.Store(&met)
	m.opened(m.store.Close)
	if err := m.checkDefault(); err != nil {
		return err
	}
	cc := m.cfg.clusterConfig()
	cc.Logger, cc.Fatal, cc.Condition = m.log, m.distrust(m), m.condition
	cc.Release, cc.Security = m.standing, m.security()
	cc.Room, cc.Certificates = m.room, m.shownToMembers
	m.followMembership(&cc)
	if m.cluster, err = cluster.Open(cc, fsm.New(m.store)); err != nil {
		return misplaced(err)
	}
	m.opened(m.leave)
	m.sever = m.cluster.Abandon
	// Only now: the folder of the log has said whose it is.
	if m.key, err = folder.SigningKey(m.path(folder.MemberKey), "", m.cfg.ID); err != nil {
		return err
	}
	if _, unsaid, err := m.cluster.Recovery(); err != nil {
		return err
	} else if unsaid {
		m.recovering.Store(true)
	}
	m.requests = requester(m.cluster, m.store.Level)
	if err := m.prepareAttesting(); err != nil {
		return err
	}
	if err := m.openServer(); err != nil {
		return err
	}
	return m.listen()
}

func (m *Member) openServer() error {
	cfg := api.DefaultConfig()
	cfg.Logger, cfg.Version, cfg.Connections = m.log, m.cfg.Version, m.files.clients
	cfg.DefaultConfigured = m.cfg.Contract != nil
	if err := m.guard(&cfg, &m.cfg.Access, m.cfg.sheltered(), m.store, m.cfg.Listen, m.cfg.Advertise, m.cfg.address()); err != nil {
		return err
	}
	cfg.Certificates, cfg.Admitted = m.Certificates, m.admitted
	cfg.Diagnostics = memberDiagnosis{m, time.Now()}
	problems := metrics.NewProblems(problem.Codes())
	cfg.Metrics, cfg.Measure, cfg.Problem = m.figures(problems), m.measured.Measure, problems.Count
	cfg.Backup = m.backup
	handler, err := api.New(cfg, unless(m.writesNothing, m.requests), memberState{m.store}, memberStatus{m.cluster, m}, Evidence{m.policies(), &m.key})
	if err != nil {
		return err
	}
	if m.server, err = api.NewServer(cfg, handler); err != nil {
		return err
	}
	return m.listenAdmin(cfg.Metrics, m.Ready)
}

func (m *Member) policies() policies { return policies{m.store, m.cfg.Witnesses, m.cfg.WitnessQuorum} }

// identity is what this member is called in the log.
func (m *Member) identity() string { return string(m.cluster.Identity()) }

func (m *Member) path(name string) string { return filepath.Join(m.cfg.Data, name) }

// check finds what is wrong with the configuration on this machine, before
// anything is written.
func (m *Member) check() error {
	if err := errors.Join(m.openCertificates(), m.openMemberCertificates(), folder.Check(m.cfg.Data, folder.Member)); err != nil {
		return err
	}
	if err := m.checkFirstStart(); err != nil {
		return err
	}
	if err := folder.CheckSigningKey(m.path(folder.MemberKey), "", m.cfg.ID); err != nil {
		return err
	}
	return checkListen(address{"listen", m.cfg.Listen}, address{"raft", m.cfg.clusterConfig().Bind})
}

// begin implements kind.
func (m *Member) begin() {
	m.log.Info("member is up", "id", m.cfg.ID, "api", m.cfg.Advertise, "version", m.cfg.Version)
	m.work.Go(func() { m.end(m.introduce(m.ctx)) })
	m.work.Go(func() { m.watchLevels(m.ctx) })
	m.work.Go(func() { m.noteNeighbours(m.ctx) })
	m.work.Go(func() { m.tellRebuilt(m.ctx, m.auditRebuilt) })
	m.work.Go(func() { m.fence.Run(m.ctx) })
	m.work.Go(func() { m.attest.attester.Run(m.ctx) })
	m.work.Go(func() { m.store.Scrub(m.ctx, scrubRate, scrubPause) })
}

// stop implements kind: requests in flight get their answers, and leadership is
// handed over.
func (m *Member) stop(asked bool) error {
	if asked {
		m.log.Info("stopping: no new requests, handing over what is open")
		m.server.Drain()
	}
	m.cancel()
	m.work.Wait()
	err := m.leave()
	m.leaveClients()
	return err
}

// leave takes this member out of the cluster's work, once. That others took too long
// is no failure of a member that was told to stop.
func (m *Member) leave() error {
	if m.left {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), memberStop)
	defer cancel()
	m.left = true
	err := m.cluster.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		m.log.Warn("not all that was under way could be finished", "error", err)
		return nil
	}
	return err
}

// Ready says why this member should get no requests now.
func (m *Member) Ready() error { return memberStatus{m.cluster, m}.Ready() }

// WaitReady returns once the member is ready, or with ctx's error or Wait's and
// why it was not.
func (m *Member) WaitReady(ctx context.Context) error { return m.waitReady(ctx, m.Ready) }
