package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/datafolder"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/webserver"
	"github.com/bpsc/bpsc/store"
)

// The store is read back and checked in the background: a chain of a gigabyte
// in two minutes, and then again after a pause.
const (
	scrubRate  = 8 << 20 // bytes a second
	scrubPause = 10 * time.Minute
)

func newServerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "server", Short: "Run a member of a cluster", Args: exactArgs(0),
		Long: "Run a member of a cluster. Settings come from flags, " + envPrefix + "… variables\n" +
			"(--log-level is " + envPrefix + "LOG_LEVEL) and the YAML file of --config, in that order.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd.Flags())
			if err != nil {
				return err
			}
			return runProcess(cmd.Context(), cfg.logConfig, func(ctx context.Context, p *process) error {
				return serve(ctx, p, cfg)
			})
		},
	}
	serverFlags(cmd.Flags())
	return cmd
}

// server is one running member.
type server struct {
	*process
	cfg      serverConfig
	files    files
	contract *chain.Contract // to create when there is none, or nil
	folder   *datafolder.Folder
	store    *store.Store
	member   *cluster.Member
	requests *command.Requester
	key      proof.SigningKey
	attest   attesting
	// The witnesses that this member asks while it leads.
	witnesses []proof.Cosigner
	http      *webserver.Server
	listener  net.Listener
}

// serve runs a member until ctx ends, then stops it gracefully.
func serve(ctx context.Context, p *process, cfg serverConfig) error {
	s := &server{process: p, cfg: cfg}
	if err := s.open(); err != nil {
		return errors.Join(explain(cfg, err), s.close())
	}
	s.up.Store(true)
	s.log.Info("member is up", "id", cfg.ID, "api", cfg.Advertise, "version", version)
	served := make(chan error, 2) // what ended it first, and that it was ended
	go func() { served <- s.http.Serve(s.listener) }()
	var work sync.WaitGroup
	workCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	work.Go(func() {
		if err := s.introduce(workCtx); err != nil {
			served <- err
		}
	})
	work.Go(func() { s.attest.attester.Run(workCtx) })
	work.Go(func() { s.store.Scrub(workCtx, scrubRate, scrubPause) })

	var err error
	select {
	case <-ctx.Done():
		s.log.Info("stopping: no new requests, handing over what is open")
		s.http.Drain()
	case err = <-served:
	}
	cancel()
	work.Wait()
	return errors.Join(err, s.stop())
}

// open brings up everything, from the disk to the listener.
func (s *server) open() (err error) {
	if err := s.check(); err != nil {
		return err
	}
	if s.files, err = s.cfg.files(); err != nil {
		return err
	}
	if err := durable.MkdirAll(s.cfg.Data, 0o700); err != nil {
		return err
	}
	if err := refuseDiverged(s.cfg.Data); err != nil {
		return err
	}
	if s.folder, err = datafolder.Take(s.cfg.Data); err != nil {
		return err
	}
	if err := s.folder.Serve(); err != nil {
		return err
	}
	s.store, err = store.Open(store.Config{Dir: filepath.Join(s.cfg.Data, "state"), Tables: s.files.tables, Logger: s.log, Fatal: s.fatal})
	if err != nil {
		return err
	}
	if err := s.checkDefault(); err != nil {
		return err
	}
	if err := s.join(); err != nil {
		return err
	}
	// Only now: the folder of the log has said whose it is.
	if s.key, err = signingKey(s.keyPath(), "", s.cfg.ID); err != nil {
		return err
	}
	s.requests = &command.Requester{Order: orderer(s.member), Contracts: s.store}
	if err := s.prepareAttesting(); err != nil {
		return err
	}
	apiConfig := api.DefaultConfig()
	apiConfig.Logger, apiConfig.Version, apiConfig.Connections = s.log, version, s.files.clients
	apiConfig.DefaultConfigured = s.contract != nil
	if err := s.cfg.accessConfig.apply(&apiConfig, s.cfg.Listen, s.cfg.Advertise, s.cfg.peerAddress()); err != nil {
		return err
	}
	apiConfig.Metrics = metricsHandler(chainMetrics{s.store.Contracts}, memberMetrics{s.member.Self})
	quorum, err := s.quorum()
	if err != nil {
		return err
	}
	handler, err := api.New(apiConfig, s.requests, state{s.store},
		member{Member: s.member, id: s.cfg.ID, store: s.store, contract: s.contract != nil, attest: &s.attest}, evidence{Store: s.store, quorum: quorum, witnesses: s.witnesses})
	if err != nil {
		return err
	}
	if s.http, err = api.NewServer(apiConfig, handler); err != nil {
		return err
	}
	s.listener, err = webserver.Listen(s.cfg.Listen)
	return err
}

// check reads what the configuration names and finds what is wrong with it,
// before anything is written.
func (s *server) check() (err error) {
	if s.contract, err = s.cfg.readContract(); err != nil {
		return err
	}
	if s.witnesses, err = readWitnesses(s.cfg.Witnesses); err != nil {
		return err
	}
	if s.cfg.WitnessQuorum > len(s.witnesses) {
		return fmt.Errorf("%w: --witness-quorum %d, and --witnesses names %d", errUsage, s.cfg.WitnessQuorum, len(s.witnesses))
	}
	if err := checkFolder(s.cfg.Data, "a member"); err != nil {
		return err
	}
	if err := checkSigningKey(s.keyPath(), "", s.cfg.ID); err != nil {
		return err
	}
	cc, err := s.cfg.clusterConfig()
	if err != nil {
		return err
	}
	return checkListens(s.cfg.Listen, cc.Bind)
}

func (s *server) keyPath() string { return filepath.Join(s.cfg.Data, "member.key") }

// join opens the replicated side.
func (s *server) join() error {
	cc, err := s.cfg.clusterConfig()
	if err != nil {
		return err
	}
	cc.Logger, cc.Fatal = s.log, s.fatal
	cc.Condition = member{store: s.store, contract: s.contract != nil, attest: &s.attest}.condition
	s.member, err = cluster.Open(cc, fsm.New(s.store))
	return err
}

// fatal ends the process at once: what this member has on disk or in memory
// is not what the log says, so every further answer could be wrong.
func (s *server) fatal(err error) {
	s.log.Error("this member cannot go on and stops", "error", err,
		"what to do", remedy(s.cfg, err))
	s.exit(exitFatal)
}

// stop ends gracefully: requests in flight get their answers, leadership is
// handed over, and the state is on disk.
func (s *server) stop() error {
	err := s.leave()
	ctx, cancel := context.WithTimeout(context.Background(), clientsStop)
	defer cancel()
	_ = s.http.Shutdown(ctx) // of clients that are too slow
	return errors.Join(err, s.close())
}

// leave takes this member out of the cluster's work.
func (s *server) leave() error {
	ctx, cancel := context.WithTimeout(context.Background(), memberStop)
	defer cancel()
	err := s.member.Shutdown(ctx)
	s.member = nil
	if s.late(err) {
		return nil
	}
	return err
}

// close releases what open got, as far as it got.
func (s *server) close() error {
	var err error
	if s.member != nil {
		err = s.leave()
	}
	if s.attest.client != nil {
		s.attest.client.Close()
	}
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	if s.folder != nil {
		err = errors.Join(err, s.folder.Release())
	}
	return err
}
