package peer

import (
	"bufio"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/internal/outcome"
)

// pair is the two ends of a connection on loopback.
func pair(t *testing.T) (dialled, accepted net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if dialled, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if accepted, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close(); accepted.Close() })
	return dialled, accepted
}

// A server that stops tells which frames it handled. The others it has not
// looked at, even when they had arrived.
func TestAStoppingServerSaysWhatItHandled(t *testing.T) {
	client, conn := pair(t)
	q := queue.New()
	s := NewServer(q, func() bool { return true }, nil, nil, slog.New(slog.DiscardHandler))
	served := make(chan struct{})
	go func() { s.Serve("n2", conn, func() {}); close(served) }()

	// Nobody takes from the queue, so the frames that may be under way fill
	// the room, and the one after them waits.
	for id := uint64(1); id <= maxFramesInFlight+1; id++ {
		f := frame{kind: framePropose, id: id, body: encodeRequests([][]byte{{byte(id)}})}
		if err := writeFrame(client, f); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); q.Len() != maxFramesInFlight; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the frames are not in the queue")
		}
	}
	stopped := make(chan struct{})
	go func() { s.Stop(); close(stopped) }()
	f, err := readFrame(bufio.NewReader(client), maxAnswerBytes)
	if err != nil || f.kind != frameGoAway || f.id != maxFramesInFlight {
		t.Errorf("the last frame is %+v, %v; want to go away after frame %d", f, err, maxFramesInFlight)
	}
	client.Close()
	<-served
	<-stopped
	q.WithdrawAll(outcome.ShuttingDown)
}

// Who dials again after a farewell, and sends at once, is told that nothing of it
// was handled: a connection that is merely closed would leave the outcome open.
func TestAServerThatHasStoppedSaysSo(t *testing.T) {
	s := NewServer(queue.New(), func() bool { return true }, nil, nil, slog.New(slog.DiscardHandler))
	s.Stop()
	client, conn := pair(t)
	if err := writeFrame(client, frame{kind: framePropose, id: 1, body: encodeRequests([][]byte{{1}})}); err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { s.Serve("n2", conn, func() {}); conn.Close(); close(served) }()
	f, err := readFrame(bufio.NewReader(client), maxAnswerBytes)
	if err != nil || f.kind != frameGoAway || f.id != 0 {
		t.Errorf("it says %+v, %v; want to go away after frame 0", f, err)
	}
	client.Close()
	<-served
}

// What the leader has not looked at is not of unknown outcome.
func TestFramesThatTheLeaderTurnedAwayWereNotApplied(t *testing.T) {
	conn, leader := pair(t)
	u := NewUplink("n1", conn, func() {}, health.NewLag(time.Second, health.NewRunClock(time.Second), nil))
	q := queue.New()
	calls := make([]*queue.Call, 3)
	for i := range calls {
		calls[i] = queue.NewCall([][]byte{{byte(i)}}, false, nil)
		if err := q.Push(calls[i]); err != nil {
			t.Fatal(err)
		}
		u.Send(q.Take(true))
	}
	answer := frame{kind: frameAnswer, id: 1, body: encodeResults(queue.Result{Index: 7}, []queue.Result{{Index: 7, Data: []byte("ok")}})}
	for _, f := range []frame{answer, {kind: frameGoAway, id: 2}} {
		if err := writeFrame(leader, f); err != nil {
			t.Fatal(err)
		}
	}
	<-u.ended
	for i, want := range []error{nil, outcome.Unknown, outcome.NoLeader} {
		<-calls[i].Finished
		if got := calls[i].Results()[0].Err; !errors.Is(got, want) {
			t.Errorf("frame %d: %v, want %v", i+1, got, want)
		}
	}
	if u.Usable() {
		t.Error("the connection is still used")
	}
}
