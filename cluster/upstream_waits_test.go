package cluster

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/groupcommit"
	"github.com/bpsc/bpsc/internal/bubble"
)

// Some of what is shown here leaves goroutines of raft's behind that wait for ever, which no
// bubble of testing/synctest may have; so it is in real time, with conditions waited for.

// hasty has elections as soon as a slow machine allows it.
func hasty(c *raft.Config) {
	const timeout = 400 * time.Millisecond
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = timeout, timeout, timeout
}

// waiting is how many goroutines wait in a function, for what.
func waiting(function, what string) (n int) {
	stacks := make([]byte, 1<<22)
	for one := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		head, frames, _ := strings.Cut(one, "\n")
		if strings.Contains(head, what) && strings.Contains(frames, function+"(") {
			n++
		}
	}
	return n
}

// hashicorp/raft#696: a leader hands over to a member that answers nothing but heartbeats, in
// vain, and once more. It is deposed while the second try waits for the first to be noticed,
// by a goroutine that ends just then. If it leads again it refuses all entries, as a transfer
// is in progress, for ever.
func TestUpstreamTransferThatNeverEnds(t *testing.T) {
	t.Parallel()
	inVain := func() int { return waiting("hashicorp/raft.(*Raft).leadershipTransfer", "chan send") }
	before := inVain() // of the run before
	s := newStage(t, parts{config: hasty})
	defer s.close()
	late := make(chan struct{})
	answer := sync.OnceFunc(func() { close(late) })
	defer answer()
	s.b.answers(func(rpc raft.RPC) {
		if _, ok := rpc.Command.(*raft.AppendEntriesRequest); ok && !isHeartbeat(rpc) {
			<-late
		}
		agree(rpc)
	})
	s.lead() // by what c has
	// raft refuses a transfer where it is busy, so each is tried until it is taken.
	ended := make(chan error, 1)
	transfer := func() {
		future := s.raft.LeadershipTransferToServer("b", "b")
		go func() { ended <- future.Error() }()
	}
	transfer()
	waitFor(t, "a second transfer to wait for the first", func() bool {
		select {
		case err := <-ended:
			if err == nil {
				t.Fatal("leadership is handed to a member that does not answer")
			}
			transfer()
		default:
		}
		return inVain() > before
	})
	s.append(s.c, raft.AppendEntriesRequest{Term: s.raft.CurrentTerm() + 1})
	waitFor(t, "a to be deposed, and its replication stopped", func() bool {
		select {
		case leads := <-s.raft.LeaderCh():
			return !leads
		default:
			return false
		}
	})
	answer()
	<-ended
	waitFor(t, "a to lead again", func() bool { return s.raft.State() == raft.Leader })

	transfers := &refusals{limit: 2 * time.Second} // longer than two time-outs, as in Member.start
	var refused, noticed bool
	waitFor(t, "an entry to be taken, or raft to be given up", func() bool {
		err := s.raft.Apply([]byte("y"), 0).Error()
		refused = errors.Is(err, raft.ErrLeadershipTransferInProgress)
		noticed = transfers.note(err, time.Now())
		return noticed || err == nil
	})
	shown(t, refused, refused && !noticed, "refusals")
}

// A future that was in raft's buffer when it was shut down is never answered.
func TestUpstreamFutureWithoutAnswer(t *testing.T) {
	t.Parallel()
	store := &hung{InmemStore: raft.NewInmemStore(), fails: errors.New("input/output error")}
	s := newStage(t, parts{logs: store, config: func(c *raft.Config) { hasty(c); c.BatchApplyCh = true }})
	defer s.close()
	s.lead()
	release := store.hang()
	s.raft.Apply([]byte("x"), 0)
	<-store.entered // raft's main goroutine is in a write
	future := s.raft.Apply([]byte("y"), 0)
	ended := s.raft.Shutdown()
	release()
	if err := ended.Error(); err != nil { // nobody is left who could answer
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := groupcommit.Await(ctx, future)
	shown(t, errors.Is(err, context.DeadlineExceeded), false, "await")
}

// With BatchApplyCh the time-out of Apply bounds nothing: a request waits for as long as it
// takes, behind all that came before it. Ours are in a queue, of which raft gets three entries.
func TestUpstreamTimeoutOfApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hung{InmemStore: raft.NewInmemStore()}
		s := newStage(t, parts{logs: store, config: ourConfig})
		defer s.close()
		s.lead()
		release := store.hang()
		s.raft.Apply([]byte("x"), 0)
		<-store.entered
		const requests = 50
		answers := make(chan error, requests)
		for range requests {
			future := s.raft.Apply([]byte("y"), time.Millisecond)
			go func() { answers <- future.Error() }()
		}
		bubble.Pass(long)
		shown(t, len(answers) == 0 && requests > groupcommit.MaxInFlight, false, "Batcher.flights")
		release()
		for range requests {
			<-answers
		}
	})
}

// raft's transport waits for the first byte of whoever connects for as long as it takes. Ours
// is behind a handshake with a deadline: TestUnknownConnections.
func TestUpstreamConnectionThatSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, parts{})
		defer s.close()
		conn, err := s.wires.plug("stranger").Dial("a", 0)
		if err != nil {
			t.Fatal(err)
		}
		bubble.Pass(long)
		_, err = conn.Write([]byte{0})
		shown(t, err == nil, false, "port.Port")
	})
}
