package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bpsc/bpsc/internal/datafolder"
	"github.com/bpsc/bpsc/internal/diskspace"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/webserver"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/node/metrics"
)

var (
	// ErrUsage: the configuration cannot be, or is not for this folder or cluster.
	ErrUsage = folder.ErrUsage
	// ErrFatal: the node cannot trust its disk or its state, and is cut off.
	ErrFatal = errors.New("this node cannot go on")
)

// How long a node takes to stop, at most. Containers are given ten seconds before
// they are killed, and are to need eight.
const (
	// memberStop is for a member to finish the writes it took and to hand
	// leadership over, clientsStop for clients to take their answers. What is in
	// memory then has to get to the disk.
	memberStop  = 3500 * time.Millisecond
	clientsStop = 1500 * time.Millisecond
)

// The store is read back and checked in the background: a chain of a gigabyte
// in two minutes, and then again after a pause.
const (
	scrubRate  = 8 << 20 // bytes a second
	scrubPause = 10 * time.Minute
)

// readyEvery is how often WaitReady looks.
const readyEvery = 20 * time.Millisecond

// Common is what every node is told.
type Common struct {
	// Data is the folder for everything that the node keeps. It is made when it
	// is not there, and belongs to this node alone.
	Data string
	// Listen is the host:port at which the node serves. When empty it listens
	// nowhere, and its owner serves Handler.
	Listen string
	// TLS is what it shows clients there, and whom it trusts elsewhere.
	TLS TLS
	// Admin is the host:port, on a loopback address, at which whoever runs the node
	// finds its figures, profiles and health, apart from clients. When empty there is
	// no such listener.
	Admin string
	// Files is how many files the node may have open, connections included; as
	// many as the process when 0. What clients may use is what is left of it.
	Files int
	// MinFree is how much is to stay free on the file systems that the node writes
	// to. Below it the node takes nothing new, serves what it has, and goes on by
	// itself when there is room. The zero value lets it fill them.
	MinFree diskspace.Reserve
	// Version is what the log and the status say.
	Version string
	// Logger is slog.Default() when nil.
	Logger *slog.Logger
	// Collectors are further figures for GET /metrics, such as metrics.Raft, which a
	// process has once.
	Collectors []prometheus.Collector
	// RecentLog is the last lines that Logger has written, for the operator's
	// diagnostics; nil where nobody keeps them. It is safe for concurrent use.
	RecentLog func() []byte
}

// service is a node as far as all are alike. It owns the goroutine of run, those of
// the servers, and those of work, which end when ctx does.
type service struct {
	common Common
	log    *slog.Logger
	fence  *diskspace.Fence  // made by newService, for the folders that it names
	server *webserver.Server // made by open
	// releases are appended to by open, and run by close after it.
	releases []func() error
	// listener is nil where the owner serves Handler.
	listener      net.Listener
	measured      *metrics.Requests
	admin         *webserver.Server // nil, as its listener, where there is none
	adminListener net.Listener
	sever         func() // from other members; set by open, nil where there are none
	// certificates are set by open.
	certificates certificates
	// live are the parts that can take a new configuration; set by open.
	live      []prepare
	reloading sync.Mutex             // held by whoever hands one to them
	access    atomic.Pointer[Access] // that counts; nil for a witness

	ctx    context.Context // of the work in the background; ends when the node begins to stop
	cancel context.CancelFunc
	work   sync.WaitGroup

	underWay underWay
	asked    chan struct{} // closed by the first Stop
	ask      sync.Once
	ended    chan error  // has room for the first reason to stop by itself
	broken   chan error  // has room for the first fatal error
	dead     atomic.Bool // there is one, or will be in a moment
	done     chan struct{}
	err      error // set before done is closed
}

// kind is what one kind of node does at each step of its life.
type kind interface {
	open() error           // from the disk to the listener
	begin()                // sets the work going
	stop(asked bool) error // in order, but for what open got; asked: it does not stop by itself
	// remedy is what to do about an error that is not the operating system's.
	remedy(err error) (text string, known bool)
}

// newService is for a node that writes to its folder and to these folders in it,
// which may be other file systems.
func newService(cfg Common, folders ...string) *service {
	s := &service{common: cfg, log: cfg.Logger, asked: make(chan struct{}), ended: make(chan error, 1),
		broken: make(chan error, 1), done: make(chan struct{}), measured: metrics.NewRequests()}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.fence = newFence(cfg, s.log, folders)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// start opens a node and sets it going. What is on disk may hang, so that open has
// a goroutine of its own, which ends later where start gives up.
func (s *service) start(ctx context.Context, k kind) error {
	opened := make(chan error, 1)
	go func() { opened <- k.open() }()
	select {
	case err := <-opened:
		if err == nil {
			go s.run(k)
			return nil
		}
		return errors.Join(s.explain(k, err), s.giveUp())
	case err := <-s.broken:
		go func() {
			s.late(<-opened)
			s.cut()
		}()
		return err
	case <-ctx.Done():
		go func() {
			s.late(<-opened)
			s.late(s.close())
		}()
		return context.Cause(ctx)
	}
}

// late tells what nobody waits for any more.
func (s *service) late(err error) {
	if err != nil {
		s.log.Warn("after a start that was given up", "error", err)
	}
}

// giveUp closes what open had got before it failed. To close what cannot get to the
// disk may hang until it is called fatal.
func (s *service) giveUp() error {
	closed := make(chan error, 1)
	go func() { closed <- s.close() }()
	select {
	case err := <-closed:
		return err
	case err := <-s.broken:
		s.cut()
		return err
	}
}

// run is the life of a node.
func (s *service) run(k kind) {
	defer close(s.done)
	stopped := make(chan error, 1)
	go func() { stopped <- s.serve(k) }()
	select {
	case s.err = <-stopped:
	case s.err = <-s.broken:
		s.cut()
	}
}

// serve serves until the node is to stop, and then stops it.
func (s *service) serve(k kind) error {
	if s.listener != nil {
		go func() { s.end(s.serveListener(s.listener)) }()
	}
	s.watchCertificates(s.ctx)
	if s.adminListener != nil {
		go func() { s.end(s.admin.Serve(s.adminListener)) }()
	}
	k.begin()
	var err error
	select {
	case <-s.asked:
	case err = <-s.ended:
	case <-s.done:
		return nil // cut
	}
	return errors.Join(s.explain(k, err), k.stop(err == nil), s.close())
}

// end stops the node in order, for a reason.
func (s *service) end(err error) {
	if err == nil {
		return
	}
	select {
	case s.ended <- err:
	default: // it stops already
	}
}

// fatal cuts the node off. It does not return: its caller must not go on with
// what it knows.
func (s *service) fatal(what string, err error, whatToDo string) {
	s.dead.Store(true)
	s.log.Error(what, "error", err, "what to do", whatToDo)
	select {
	case s.broken <- fmt.Errorf("%w: %w\n\n%s", ErrFatal, err, whatToDo):
	default:
	}
	select {}
}

// cut ends whatever others could still hear from this node.
func (s *service) cut() {
	s.cancel()
	if s.server != nil {
		s.server.Close()
	}
	if s.admin != nil {
		s.admin.Close()
	}
	if s.sever != nil {
		go s.sever() // it may wait for who hangs
	}
}

// take takes the folder. After a fatal error it keeps the mark of a node that was
// killed.
func (s *service) take() error {
	if err := durable.MkdirAll(s.common.Data, 0o700); err != nil {
		return err
	}
	folder, err := datafolder.Take(s.common.Data)
	if err != nil {
		return err
	}
	s.opened(func() error {
		if s.dead.Load() {
			return nil
		}
		return folder.Release()
	})
	return folder.Serve()
}

// opened notes how to release what open has got.
func (s *service) opened(release func() error) { s.releases = append(s.releases, release) }

// close releases what open got, as far as it got, the last first.
func (s *service) close() (err error) {
	s.cancel()
	for _, release := range slices.Backward(s.releases) {
		err = errors.Join(err, release())
	}
	return err
}

// Stop stops the node in order and returns once it has, with what Wait returns. That
// takes some seconds at most, unless the disk hangs. When ctx ends first, Stop
// returns its error, and the node goes on stopping.
func (s *service) Stop(ctx context.Context) error {
	s.ask.Do(func() { close(s.asked) })
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Done is closed once the node has stopped, or is cut off.
func (s *service) Done() <-chan struct{} { return s.done }

// Wait returns once Done is closed, with the reason: nil after Stop.
func (s *service) Wait() error {
	<-s.done
	return s.err
}

// waitReady returns once ready does not complain.
func (s *service) waitReady(ctx context.Context, ready func() error) error {
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.done:
			return errors.Join(err, s.err)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}
