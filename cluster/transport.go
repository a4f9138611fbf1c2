package cluster

import (
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

// errUnfit is what raft gets for a message that an unfit member does not send.
var errUnfit = errors.New("this member must not lead now")

// serialTransport sends heartbeats the way of all other messages, through
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
type serialTransport struct {
	*raft.NetworkTransport
	fitness   *health.Fitness
	progress  *health.Progress
	memory    *memory.Memory
	room      func() health.Room
	watch     *health.Watchdog
	written   func(index uint64) uint64 // what of the log up to an index is on this disk
	announcer *announcer
	reach     reach
	leads     atomic.Pointer[func() bool] // whether this member does, once raft runs
	restoring bool                        // the message handed over last was a snapshot
	received  chan raft.RPC
	standing  chan candidacy
	longest   atomic.Int64 // time in which raft's main goroutine took no message, since slowest was called
	refused   func()       // is told that another member does not take a snapshot, for it is damaged; nil: nobody asks
	closed    chan struct{}
	close     func() // closes closed, once
}

// SetHeartbeatHandler leaves the fast path out.
func (*serialTransport) SetHeartbeatHandler(func(raft.RPC)) {}

var (
	_ raft.Transport   = (*serialTransport)(nil)
	_ raft.WithPreVote = (*serialTransport)(nil)
	_ raft.WithClose   = (*serialTransport)(nil)
)

func newTransport(streams raft.StreamLayer, fit *health.Fitness, prog *health.Progress, mem *memory.Memory, room func() health.Room, watch *health.Watchdog, written func(uint64) uint64, log hclog.Logger) *serialTransport {
	t := &serialTransport{fitness: fit, progress: prog, memory: mem, room: room, watch: watch, written: written, received: make(chan raft.RPC), standing: make(chan candidacy), closed: make(chan struct{})}
	t.close = sync.OnceFunc(func() { close(t.closed) })
	t.announcer = newAnnouncer(t.tell)
	t.NetworkTransport = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  streams,
		MaxPool: port.RaftPool,
		Timeout: raftTimeout,
		// One at a time: with pipelining a refusal by a replica can leave it
		// without entries for ever (hashicorp/raft#612), and it gains nothing
		// where entries are batches.
		MaxRPCsInFlight: 1,
		Logger:          log,
	})
	go t.receive(t.NetworkTransport.Consumer())
	return t
}

// receive passes on what comes in, except for what the disk has no room for, and for
// the call to stand for election at once, which skips the pre-vote. While nothing comes
// in it knocks, so that the watchdog learns whether raft's main goroutine goes on.
func (t *serialTransport) receive(incoming <-chan raft.RPC) {
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
func (t *serialTransport) pass(rpc raft.RPC) bool {
	if _, ok := rpc.Command.(*raft.TimeoutNowRequest); ok && !t.fitness.Fit() {
		rpc.Respond(nil, errUnfit)
		return true
	}
	if turnedAway(rpc, t.room) {
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
func (t *serialTransport) knock() bool {
	return t.hand(raft.RPC{RespChan: make(chan raft.RPCResponse, 1)})
}

// hand gives raft's main goroutine a message once it has done the one before; false when
// the transport is closed. That it waits is watched, unless it waits for a snapshot to be
// received and restored, which takes as long as that is large.
func (t *serialTransport) hand(rpc raft.RPC) bool {
	if !t.restoring {
		defer t.watch.End(t.watch.Begin(health.LoopTask, "an answer of raft's main goroutine"))
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

// slowest is the longest time in which raft's main goroutine took no message, since it was
// asked last.
func (t *serialTransport) slowest() time.Duration { return time.Duration(t.longest.Swap(0)) }

// Consumer implements raft.Transport.
func (t *serialTransport) Consumer() <-chan raft.RPC { return t.received }

// AppendEntries implements raft.Transport; heartbeats are among them.
func (t *serialTransport) AppendEntries(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if t.fitness.Silent() {
		return errUnfit
	}
	// raft counts entries as stored here that are still being written (raftlog.Ahead), and
	// no other member may apply one before.
	args.LeaderCommitIndex = t.written(args.LeaderCommitIndex)
	held, news := args.PrevLogEntry, len(args.Entries) > 0
	if news {
		held = args.Entries[len(args.Entries)-1].Index
		t.progress.Sent(string(id))
	}
	err := t.append(id, to, args, resp)
	if err != nil {
		return err
	}
	if news {
		t.progress.Answered(string(id))
	}
	if resp.Success {
		t.announcer.took(id, to, args)
	} else {
		held = 0
	}
	t.memory.Note(string(id), resp.Term, min(held, args.LeaderCommitIndex))
	return nil
}

// append sends a heartbeat once, and anything else until it gets through or it is raft's to try
// again (reach).
func (t *serialTransport) append(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	heartbeat := isBeat(args)
	for {
		err := t.NetworkTransport.AppendEntries(id, target(id, to), args, resp)
		if err == nil {
			t.reach.through(id, heartbeat)
			return nil
		}
		if leads := t.leads.Load(); heartbeat || leads == nil || turned(err) || !t.reach.again(id, *leads, t.closed) || t.fitness.Silent() {
			return err
		}
	}
}

// tell sends a message of the announcer's.
func (t *serialTransport) tell(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if t.fitness.Silent() {
		return errUnfit
	}
	return t.NetworkTransport.AppendEntries(id, target(id, to), args, resp)
}

// InstallSnapshot implements raft.Transport.
func (t *serialTransport) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	if t.fitness.Silent() {
		return errUnfit
	}
	err := t.NetworkTransport.InstallSnapshot(id, target(id, to), args, resp, &snapshotInTransit{Reader: data, to: string(id), progress: t.progress})
	if err != nil && t.refused != nil && strings.Contains(err.Error(), snapshot.ErrRefused.Error()) { // of another's answer there is its text
		t.refused()
	}
	if err == nil {
		t.progress.Answered(string(id))
		if resp.Success {
			t.memory.Note(string(id), resp.Term, args.LastLogIndex)
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
func (t *serialTransport) RequestPreVote(id raft.ServerID, to raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	if !t.fitness.Fit() {
		return errUnfit
	}
	return t.NetworkTransport.RequestPreVote(id, target(id, to), args, resp)
}

// RequestVote implements raft.Transport.
func (t *serialTransport) RequestVote(id raft.ServerID, to raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	if !t.fitness.Fit() {
		return errUnfit
	}
	err := t.NetworkTransport.RequestVote(id, target(id, to), args, resp)
	if err == nil {
		t.memory.Note(string(id), resp.Term, 0)
	}
	return err
}

// TimeoutNow implements raft.Transport.
func (t *serialTransport) TimeoutNow(id raft.ServerID, to raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return t.NetworkTransport.TimeoutNow(id, target(id, to), args, resp)
}

// target is a member as the port dials it: at one address there may be two of them one
// after the other, each with connections of its own.
func target(id raft.ServerID, to raft.ServerAddress) raft.ServerAddress {
	return port.Target(string(id), roster.ParseAddress(to).HostPort)
}

// Close implements raft.WithClose.
func (t *serialTransport) Close() error {
	t.close()
	return t.NetworkTransport.Close()
}
