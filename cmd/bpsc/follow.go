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
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/follower/personal"
	"github.com/bpsc/bpsc/follower/relay"
	"github.com/bpsc/bpsc/internal/datafolder"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/webserver"
	"github.com/bpsc/bpsc/store"
)

func newFollowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "follow", Short: "Run a node outside a cluster: verified copies, relayed writes, a chain of its own", Args: exactArgs(0),
		Long: "Run a node outside a cluster. It copies chains from members or other followers and\n" +
			"verifies all of it before it stores any, answers reads, hands transactions to the BPSC, and\n" +
			"keeps a personal chain. It shows a checkpoint that as many members signed as a policy asks\n" +
			"for: one of --policy, or else the first that an upstream shows, kept in DATA/policies.\n" +
			"Where --policy or --pin is given, contracts that they do not cover are not followed, but for\n" +
			"those of --trust-first-use. While there is evidence of a lying upstream in DATA/evidence\n" +
			"it is not ready; with --strict it ends with exit code 5. Move the files away to go on.\n" +
			"Settings come from flags, " + envPrefix + "… variables and the YAML file of --config, in that order.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadFollowConfig(cmd.Flags())
			if err != nil {
				return err
			}
			return runProcess(cmd.Context(), cfg.logConfig, func(ctx context.Context, p *process) error {
				return follow(ctx, p, cfg)
			})
		},
	}
	followFlags(cmd.Flags())
	return cmd
}

// followLayer is the overlay of a follower's store: twice a member's, because a
// first sync is nothing but writes.
const followLayer = 2 * store.LayerBytes

// followNode is one running follower.
type followNode struct {
	*process
	cfg       followConfig
	files     files
	folder    *datafolder.Folder
	store     *store.Store
	follower  *chainsync.Syncer
	directory *directory
	personal  *personal.Chain
	relay     *relay.Relay
	http      *webserver.Server
	listener  net.Listener
}

// follow runs a follower until ctx ends, or until it must not go on.
func follow(ctx context.Context, p *process, cfg followConfig) error {
	n := &followNode{process: p, cfg: cfg}
	if err := n.open(); err != nil {
		return errors.Join(n.explain(err), n.close())
	}
	n.up.Store(true)
	n.log.Info("node is up", "listen", n.listener.Addr().String(), "version", version)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var work sync.WaitGroup
	work.Go(func() { cancel(n.follower.Run(ctx)) })
	work.Go(func() { n.store.Scrub(ctx, scrubRate, scrubPause) })
	work.Go(func() { showProgress(ctx, n.log, n.follower.Status) })
	if cfg.Advertise != "" {
		work.Go(func() { n.advertise(ctx) })
	}
	served := make(chan error, 1)
	go func() { served <- n.http.Serve(n.listener) }()
	var err error
	select {
	case <-ctx.Done():
		if err = context.Cause(ctx); errors.Is(err, context.Canceled) {
			err = nil // asked to stop
		}
	case err = <-served:
		cancel(err)
	}
	n.log.Info("stopping")
	return errors.Join(n.explain(err), n.stop(&work))
}

// open brings up everything, from the disk to the listener.
func (n *followNode) open() (err error) {
	limit, err := openFiles()
	if err != nil {
		return err
	}
	if n.files, err = followerFiles(limit); err != nil {
		return err
	}
	cfg, err := n.check()
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(n.cfg.Data, 0o700); err != nil {
		return err
	}
	if n.folder, err = datafolder.Take(n.cfg.Data); err != nil {
		return err
	}
	if err := n.folder.Serve(); err != nil {
		return err
	}
	n.store, err = store.Open(store.Config{Dir: n.path("state"), Log: true, LayerBytes: followLayer, Tables: n.files.tables, Logger: n.log, Fatal: n.fatal})
	if err != nil {
		return err
	}
	if n.personal, err = personal.Open(n.path("personal.db"), time.Now); err != nil {
		return err
	}
	if n.directory, err = openDirectory(n.path("nodes.json")); err != nil {
		return err
	}
	if n.follower, err = chainsync.New(cfg, chainsync.StoreLedger(n.store)); err != nil {
		return err
	}
	relayConfig := relay.DefaultConfig()
	relayConfig.Logger, relayConfig.Connections = n.log, n.files.relays
	if n.relay, err = relay.New(relayConfig, n.follower.Upstreams); err != nil {
		return err
	}
	if n.http, err = n.newServer(); err != nil {
		return err
	}
	n.listener, err = webserver.Listen(n.cfg.Listen)
	return err
}

func (n *followNode) path(name string) string { return filepath.Join(n.cfg.Data, name) }

// check reads what the configuration names and finds what is wrong with it,
// before anything is written.
func (n *followNode) check() (chainsync.Config, error) {
	cfg := chainsync.DefaultConfig()
	sources, err := n.cfg.sources()
	if err != nil {
		return cfg, err
	}
	pins, err := n.cfg.pins()
	if err != nil {
		return cfg, err
	}
	policies, err := n.cfg.policies()
	if err != nil {
		return cfg, err
	}
	cfg.Sources, cfg.Pins, cfg.Policies, cfg.FirstUse = sources, pins, policies, n.cfg.FirstUse
	cfg.Strict, cfg.Logger = n.cfg.Strict, n.log
	cfg.Evidence, cfg.Known = n.path("evidence"), n.path("known.json")
	cfg.PolicyDir, cfg.Checkpoints = n.path("policies"), n.path("checkpoints")
	if err := cfg.Validate(); err != nil {
		return cfg, fmt.Errorf("%w: %w", errUsage, err)
	}
	if err := checkFolder(n.cfg.Data, "a follower"); err != nil {
		return cfg, err
	}
	return cfg, checkListen("listen", n.cfg.Listen)
}

func (n *followNode) newServer() (*webserver.Server, error) {
	cfg := api.DefaultConfig()
	cfg.Logger, cfg.Version, cfg.Connections = n.log, version, n.files.clients
	if err := n.cfg.accessConfig.apply(&cfg, n.cfg.Listen, n.cfg.Advertise); err != nil {
		return nil, err
	}
	cfg.Metrics = metricsHandler(chainMetrics{n.store.Contracts}, followMetrics{n.follower.Status})
	handler, err := api.NewFollower(cfg,
		copies{Store: n.store, follower: n.follower, directory: n.directory},
		node{Syncer: n.follower, directory: n.directory, began: time.Now()},
		ownChain{n.personal}, n.relay, copiedEvidence{n.follower, n.store})
	if err != nil {
		return nil, err
	}
	return api.NewServer(cfg, handler)
}

// advertise registers this node at its upstreams, until they have taken it.
func (n *followNode) advertise(ctx context.Context) {
	sources, _ := n.cfg.sources() // validated
	var work sync.WaitGroup
	defer work.Wait()
	for _, s := range sources {
		c, err := client.New(s.Upstreams...)
		if err != nil {
			n.log.Error("cannot register", "error", err)
			continue
		}
		work.Go(func() {
			switch err := c.RegisterNodes(ctx, []string{n.cfg.Advertise}); {
			case err == nil:
				n.log.Info("registered", "as", n.cfg.Advertise, "at", s.Upstreams)
			case ctx.Err() == nil:
				n.log.Error("the upstream does not register this node", "as", n.cfg.Advertise, "error", err)
			}
		})
	}
}

// fatal ends the process at once: what is on disk cannot be trusted.
func (n *followNode) fatal(err error) {
	n.log.Error("this node cannot go on and stops", "error", err, "what to do", n.remedy(err))
	n.exit(exitFatal)
}

// explain adds what to do to errors that mean damage.
func (n *followNode) explain(err error) error {
	switch {
	case errors.Is(err, store.ErrDamaged):
		return fmt.Errorf("%w\n\n%s", err, n.remedy(err))
	case errors.Is(err, personal.ErrDamaged):
		return fmt.Errorf("%w\n\n%s", err, "What to do: check the disk. "+n.path("personal.db")+" holds this node's own\n"+
			"chain, which nobody else has: keep the file. With the file moved aside the node starts\n"+
			"and begins another chain.")
	}
	return explainSystem(err, n.cfg.Data)
}

func (n *followNode) remedy(err error) string {
	if advice, system := durable.Advice(err); system {
		return systemRemedy(advice, n.cfg.Data)
	}
	return fmt.Sprintf("What to do: check the disk, then move %[1]s aside and start again:\n"+
		"its chains are fetched and verified anew. Leave %[2]s, which nobody else has.", n.path("state"), n.path("personal.db"))
}

// stop lets open requests finish, and then everything else.
func (n *followNode) stop(work *sync.WaitGroup) error {
	ctx, cancel := context.WithTimeout(context.Background(), clientsStop)
	defer cancel()
	_ = n.http.Shutdown(ctx) // of clients that are too slow
	work.Wait()
	return n.close()
}

// close releases what open got, as far as it got.
func (n *followNode) close() (err error) {
	if n.relay != nil {
		n.relay.Close()
	}
	if n.personal != nil {
		err = n.personal.Close()
	}
	if n.store != nil {
		err = errors.Join(err, n.store.Close())
	}
	if n.folder != nil {
		err = errors.Join(err, n.folder.Release())
	}
	return err
}
