package node

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/follower/personal"
	"github.com/bpsc/bpsc/follower/relay"
	"github.com/bpsc/bpsc/internal/keepsake"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/node/metrics"
	"github.com/bpsc/bpsc/store"
)

// followLayer is the overlay of a follower's store: twice a member's, because a
// first sync is nothing but writes.
const followLayer = 2 * store.LayerBytes

// Follower is a running follower. Its methods are safe for concurrent use.
type Follower struct {
	*service
	cfg FollowerConfig

	// Set by open, in this order, and not changed by anybody else.
	files     files
	kept      *keepsake.List
	personal  *personal.Chain
	store     *store.Store
	directory *folder.Directory
	sync      *chainsync.Syncer
	relay     *relay.Relay
}

// StartFollower starts a follower. It serves what it has when StartFollower returns,
// and is ready once it has what its upstreams have. When ctx ends before the node is
// up it is given up, and whatever was opened is closed in the background.
func StartFollower(ctx context.Context, cfg FollowerConfig) (*Follower, error) {
	if err := cfg.Validate(); err != nil {
		return nil, usage(err)
	}
	f := &Follower{service: newService(cfg.Common, folder.State), cfg: cfg}
	if err := f.start(ctx, f); err != nil {
		return nil, err
	}
	return f, nil
}

// open implements kind.
func (f *Follower) open() (err error) {
	if f.files, err = followerFiles(f.cfg.Files, f.cfg.adminFiles()); err != nil {
		return err
	}
	if err := errors.Join(f.openCertificates(), folder.Check(f.cfg.Data, folder.Follower), checkListen(address{"listen", f.cfg.Listen})); err != nil {
		return err
	}
	if err := f.take(); err != nil {
		return err
	}
	if err := f.openKept(); err != nil {
		return err
	}
	f.fence.Look()
	// Before the state: where there is that, there has been this.
	if f.personal, err = personal.Open(f.path(folder.Personal), time.Now); err != nil {
		return err
	}
	f.opened(f.personal.Close)
	if err := f.kept.Add(f.path(folder.Personal)); err != nil {
		return err
	}
	f.store, err = store.Open(store.Config{Dir: f.path(folder.State), Log: true, LayerBytes: followLayer, Tables: f.files.tables, Logger: f.log, Fatal: f.distrust(f)})
	if err != nil {
		return err
	}
	f.opened(f.store.Close)
	if f.directory, err = folder.OpenDirectory(f.path(folder.NodesFile), f.kept); err != nil {
		return err
	}
	cfg := f.cfg.syncConfig()
	cfg.Logger, cfg.TLS, cfg.Kept = f.log, f.certificates.trusted, f.kept
	if f.sync, err = chainsync.New(cfg, waitingLedger{chainsync.StoreLedger(f.store), f.service}); err != nil {
		return err
	}
	relayConfig := relay.DefaultConfig()
	relayConfig.Logger, relayConfig.Connections, relayConfig.TLS = f.log, f.files.relays, f.certificates.trusted
	relayConfig.Token = f.cfg.UpstreamToken
	if f.relay, err = relay.New(relayConfig, f.sync.Upstreams); err != nil {
		return err
	}
	f.opened(func() error { f.relay.Close(); return nil })
	if err := f.openServer(); err != nil {
		return err
	}
	return f.listen()
}

func (f *Follower) openServer() error {
	cfg := api.DefaultConfig()
	cfg.Logger, cfg.Version, cfg.Connections = f.log, f.cfg.Version, f.files.clients
	if err := f.guard(&cfg, &f.cfg.Access, f.cfg.sheltered(), nil, f.cfg.Listen, f.cfg.Advertise); err != nil {
		return err
	}
	cfg.Certificates = f.Certificates
	cfg.Diagnostics = followerDiagnosis{f, time.Now()}
	problems := metrics.NewProblems(problem.Codes())
	cfg.Metrics, cfg.Measure, cfg.Problem = f.figures(problems), f.measured.Measure, problems.Count
	handler, err := api.NewFollower(cfg,
		copies{Store: f.store, follower: f.sync, directory: f.directory},
		followerStatus{Syncer: f.sync, Directory: f.directory, fence: f.fence, began: time.Now(), version: f.cfg.Version},
		ownChain{f.personal, f.fence}, f.relay, copiedEvidence{f.sync, f.store})
	if err != nil {
		return err
	}
	if f.server, err = api.NewServer(cfg, handler); err != nil {
		return err
	}
	return f.listenAdmin(cfg.Metrics, f.Ready)
}

func (f *Follower) path(name string) string { return filepath.Join(f.cfg.Data, name) }

// begin implements kind.
func (f *Follower) begin() {
	f.log.Info("node is up", "listen", f.address(), "version", f.cfg.Version)
	f.work.Go(func() { f.fence.Run(f.ctx) })
	f.work.Go(func() { f.tellRebuilt(f.ctx, nil) })
	f.work.Go(func() { f.end(f.sync.Run(f.ctx)) })
	f.work.Go(func() { f.store.Scrub(f.ctx, scrubRate, scrubPause) })
	if f.cfg.Advertise != "" {
		f.work.Go(func() { f.advertise(f.ctx) })
	}
}

// advertise registers this node at its upstreams, until they have taken it.
func (f *Follower) advertise(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	for _, s := range f.cfg.Sources {
		c, err := client.New(s.Upstreams...)
		if err != nil {
			f.log.Error("cannot register", "error", err)
			continue
		}
		c.Trust(f.certificates.trusted)
		c.Token = f.cfg.UpstreamToken
		work.Go(func() {
			switch err := c.RegisterNodes(ctx, []string{f.cfg.Advertise}); {
			case err == nil:
				f.log.Info("registered", "as", f.cfg.Advertise, "at", s.Upstreams)
			case ctx.Err() == nil:
				f.log.Error("the upstream does not register this node", "as", f.cfg.Advertise, "error", err)
			}
		})
	}
}

// Status says how each chain is followed.
func (f *Follower) Status() []chainsync.ChainStatus { return f.sync.Status() }

// Ready says why this node should get no requests now.
func (f *Follower) Ready() error { return cmp.Or(f.fence.Err(), f.sync.Ready()) }

// WaitReady returns once the node is ready, or with ctx's error or Wait's and why it
// was not.
func (f *Follower) WaitReady(ctx context.Context) error { return f.waitReady(ctx, f.Ready) }

// stop implements kind.
func (f *Follower) stop(bool) error {
	f.log.Info("stopping")
	f.cancel()
	f.leaveClients()
	f.work.Wait()
	return nil
}
