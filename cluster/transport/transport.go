// Package transport carries raft's messages between members, on the streams of cluster/port. It
// is raft's own transport and what keeps raft's main goroutine the only one that changes term
// and state: all messages go through it in one order. What a member must not say it keeps
// back, what its disk has no room for it refuses, what the others show it remembers, and what
// is committed it announces.
package transport

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/memory"
	"github.com/bpsc/bpsc/cluster/port"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/cluster/snapshot"
)

const (
	// Timeout bounds each message of raft's, votes included.
	Timeout = 3 * time.Second

	// Bytes a second at which a member is sure to unpack and restore a snapshot.
	restoreRate = 1 << 20

	// How often raft's main goroutine is asked whether it goes on, where nothing else
	// comes in: it costs it nothing, and what is found is a matter of minutes.
	knockPeriod = time.Second
)

// errUnfit is what raft gets for a message that an unfit member does not send.
var errUnfit = errors.New("this member must not lead now")

// Transport sends heartbeats the way of all other messages, through
// raft's main goroutine. The library would handle them on the connection's
// goroutine, where they change term and state beside a main goroutine that is
// just writing entries under the old term: two different entries with the same
// index and term can get committed (hashicorp/raft#695). In return a member is
// silent while it writes, so the heartbeat time-out has to be well above a slow
// fsync.
//
// It also keeps a member that is not fit to lead from leading (health.Fitness), and
// remembers what the others show in their answers (cluster/memory). Not in those to
// a pre-vote: its term is not on anybody's disk.
//
// raft calls it from one goroutine for each other member and from those of
// elections. It owns the goroutine that receives, which has restoring to itself and ends
// with Close.
type Transport struct {
	*raft.NetworkTransport
	cfg       Config
	announcer *announcer
	reach     reach
	leads     atomic.Pointer[func() bool] // whether this member does, once raft runs
	restoring bool                        // the message handed over last was a snapshot
	received  chan raft.RPC
	standing  chan candidacy
	longest   atomic.Int64 // time in which raft's main goroutine took no message, since Slowest was called
	closed    chan struct{}
	close     func() // closes closed, once
}

// Config is what a Transport stands on, and what it goes by.
type Config struct {
	Streams  raft.StreamLayer
	Fitness  *health.Fitness
	Progress *health.Progress
	Memory   *memory.Memory
	Watch    *health.Watchdog
	Room     func() health.Room
	Written  func(index uint64) uint64 // what of the log up to an index is on this disk
	Refused  func()                    // is told that another member does not take a snapshot, for it is damaged; nil: nobody asks
	Logger   hclog.Logger
}

// SetHeartbeatHandler leaves the fast path out.
func (*Transport) SetHeartbeatHandler(func(raft.RPC)) {}

var (
	_ raft.Transport   = (*Transport)(nil)
	_ raft.WithPreVote = (*Transport)(nil)
	_ raft.WithClose   = (*Transport)(nil)
)

// New is one that receives at once.
func New(cfg Config) *Transport {
	t := &Transport{cfg: cfg, received: make(chan raft.RPC), standing: make(chan candidacy), closed: make(chan struct{})}
	t.close = sync.OnceFunc(func() { close(t.closed) })
	t.announcer = newAnnouncer(t.tell)
	t.NetworkTransport = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  cfg.Streams,
		MaxPool: port.RaftPool,
		Timeout: Timeout,
		// One at a time: with pipelining a refusal by a replica can leave it
		// without entries for ever (hashicorp/raft#612), and it gains nothing
		// where entries are batches.
		MaxRPCsInFlight: 1,
		Logger:          cfg.Logger,
	})
	go t.receive(t.NetworkTransport.Consumer())
	return t
}

// Begin says how to learn whether this member leads, once raft runs.
func (t *Transport) Begin(leads func() bool) { t.leads.Store(&leads) }

// Applied notes that entries up to an index are applied here, for the others to hear of. It
// waits for nothing.
func (t *Transport) Applied(index uint64) { t.announcer.applied(index) }

// Announce tells the others what is committed, while leads says that this member leads, until
// ctx ends.
func (t *Transport) Announce(ctx context.Context, leads func() bool, commitTimeout time.Duration) {
	t.announcer.run(ctx, leads, commitTimeout)
}

// receive passes on what comes in, except for what the disk has no room for, and for
// the call to stand for election at once, which skips the pre-vote. While nothing comes
// in it knocks, so that the watchdog learns whether raft's main goroutine goes on.
func (t *Transport) receive(incoming <-chan raft.RPC) {
	knock := time.NewTicker(knockPeriod)
	defer knock.Stop()
	for {
		select {
		case rpc := <-incoming:
			if !t.pass(rpc) {
				return
			}
		case <-knock.C:
			if !t.knock() {
				return
			}
		case c := <-t.standing:
			if !t.stand(c, incoming) {
				return
			}
		case <-t.closed:
			return
		}
	}
}

// pass hands a message on, or refuses it; false when the transport is closed.
func (t *Transport) pass(rpc raft.RPC) bool {
	if _, ok := rpc.Command.(*raft.TimeoutNowRequest); ok && !t.cfg.Fitness.Fit() {
		rpc.Respond(nil, errUnfit)
		return true
	}
	if turnedAway(rpc, t.cfg.Room) {
		return true
	}
	if !t.hand(rpc) {
		rpc.Respond(nil, raft.ErrTransportShutdown)
		return false
	}
	return true
}

// knock returns when raft's main goroutine has done all that it was handed: without a
// command there is nothing to do but to refuse it.
func (t *Transport) knock() bool {
	return t.hand(raft.RPC{RespChan: make(chan raft.RPCResponse, 1)})
}

// hand gives raft's main goroutine a message once it has done the one before; false when
// the transport is closed. That it waits is watched, unless it waits for a snapshot to be
// received and restored, which takes as long as that is large.
func (t *Transport) hand(rpc raft.RPC) bool {
	if !t.restoring {
		defer t.cfg.Watch.End(t.cfg.Watch.Begin(health.LoopTask, "an answer of raft's main goroutine"))
		defer func(began time.Time) {
			t.longest.Store(max(t.longest.Load(), int64(time.Since(began)))) // nobody else makes it longer
		}(time.Now())
	}
	select {
	case t.received <- rpc:
		_, t.restoring = rpc.Command.(*raft.InstallSnapshotRequest)
		return true
	case <-t.closed:
		return false
	}
}

// Slowest is the longest time in which raft's main goroutine took no message, since it was
// asked last.
func (t *Transport) Slowest() time.Duration { return time.Duration(t.longest.Swap(0)) }

// Consumer implements raft.Transport.
func (t *Transport) Consumer() <-chan raft.RPC { return t.received }

// AppendEntries implements raft.Transport; heartbeats are among them.
func (t *Transport) AppendEntries(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if t.cfg.Fitness.Silent() {
		return errUnfit
	}
	// raft counts entries as stored here that are still being written (raftlog.Ahead), and
	// no other member may apply one before.
	args.LeaderCommitIndex = t.cfg.Written(args.LeaderCommitIndex)
	held, news := args.PrevLogEntry, len(args.Entries) > 0
	if news {
		held = args.Entries[len(args.Entries)-1].Index
		t.cfg.Progress.Sent(string(id))
	}
	err := t.append(id, to, args, resp)
	if err != nil {
		return err
	}
	if news {
		t.cfg.Progress.Answered(string(id))
	}
	if resp.Success {
		t.announcer.took(id, to, args)
	} else {
		held = 0
	}
	t.cfg.Memory.Note(string(id), resp.Term, min(held, args.LeaderCommitIndex))
	return nil
}

// append sends a heartbeat once, and anything else until it gets through or it is raft's to try
// again (reach).
func (t *Transport) append(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	heartbeat := isBeat(args)
	for {
		err := t.NetworkTransport.AppendEntries(id, target(id, to), args, resp)
		if err == nil {
			t.reach.through(id, heartbeat)
			return nil
		}
		if leads := t.leads.Load(); heartbeat || leads == nil || turned(err) || !t.reach.again(id, *leads, t.closed) || t.cfg.Fitness.Silent() {
			return err
		}
	}
}

// tell sends a message of the announcer's.
func (t *Transport) tell(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if t.cfg.Fitness.Silent() {
		return errUnfit
	}
	return t.NetworkTransport.AppendEntries(id, target(id, to), args, resp)
}

// InstallSnapshot implements raft.Transport.
func (t *Transport) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	if t.cfg.Fitness.Silent() {
		return errUnfit
	}
	err := t.NetworkTransport.InstallSnapshot(id, target(id, to), args, resp, &snapshotInTransit{Reader: data, to: string(id), progress: t.cfg.Progress})
	if err != nil && t.cfg.Refused != nil && strings.Contains(err.Error(), snapshot.ErrRefused.Error()) { // of another's answer there is its text
		t.cfg.Refused()
	}
	if err == nil {
		t.cfg.Progress.Answered(string(id))
		if resp.Success {
			t.cfg.Memory.Note(string(id), resp.Term, args.LastLogIndex)
		}
	}
	return err
}

// snapshotInTransit is a snapshot on its way to a member that cannot take
// entries before it has that.
type snapshotInTransit struct {
	io.Reader
	to       string
	bytes    int64
	progress *health.Progress
}

func (s *snapshotInTransit) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	s.bytes += int64(n)
	var rest time.Duration
	if err != nil { // all is read: it is unpacked, verified and restored
		rest = time.Duration(s.bytes/restoreRate) * time.Second
	}
	s.progress.Sending(s.to, rest)
	return n, err
}

// RequestPreVote implements raft.WithPreVote.
func (t *Transport) RequestPreVote(id raft.ServerID, to raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	if !t.cfg.Fitness.Fit() {
		return errUnfit
	}
	return t.NetworkTransport.RequestPreVote(id, target(id, to), args, resp)
}

// RequestVote implements raft.Transport.
func (t *Transport) RequestVote(id raft.ServerID, to raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	if !t.cfg.Fitness.Fit() {
		return errUnfit
	}
	err := t.NetworkTransport.RequestVote(id, target(id, to), args, resp)
	if err == nil {
		t.cfg.Memory.Note(string(id), resp.Term, 0)
	}
	return err
}

// TimeoutNow implements raft.Transport.
func (t *Transport) TimeoutNow(id raft.ServerID, to raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return t.NetworkTransport.TimeoutNow(id, target(id, to), args, resp)
}

// target is a member as the port dials it: at one address there may be two of them one
// after the other, each with connections of its own.
func target(id raft.ServerID, to raft.ServerAddress) raft.ServerAddress {
	return port.Target(string(id), roster.ParseAddress(to).HostPort)
}

// Close implements raft.WithClose.
func (t *Transport) Close() error {
	t.close()
	return t.NetworkTransport.Close()
}
