package cluster

import (
	"bufio"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/bpsc/bpsc/cluster/health"
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
	q := newQueue()
	s := newPeerServer(q, func() bool { return true }, nil, slog.New(slog.DiscardHandler))
	served := make(chan struct{})
	go func() { s.serve("n2", conn, func() {}); close(served) }()

	// Nobody takes from the queue, so the frames that may be under way fill
	// the places, and the one after them waits.
	for id := uint64(1); id <= maxFramesInFlight+1; id++ {
		f := frame{kind: framePropose, id: id, body: encodeRequests([][]byte{{byte(id)}})}
		if err := writeFrame(client, f); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the frames to be in the queue", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.calls.Len() == maxFramesInFlight
	})
	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	f, err := readFrame(bufio.NewReader(client), maxAnswerBytes)
	if err != nil || f.kind != frameGoAway || f.id != maxFramesInFlight {
		t.Errorf("the last word is %+v, %v; want to go away after frame %d", f, err, maxFramesInFlight)
	}
	client.Close()
	<-served
	<-stopped
	q.withdrawAll(outcome.ShuttingDown)
}

// Who dials again after a farewell, and sends at once, is told that nothing of it
// was handled: a connection that is merely closed would leave the outcome open.
func TestAServerThatHasStoppedSaysSo(t *testing.T) {
	s := newPeerServer(newQueue(), func() bool { return true }, nil, slog.New(slog.DiscardHandler))
	s.stop()
	client, conn := pair(t)
	if err := writeFrame(client, frame{kind: framePropose, id: 1, body: encodeRequests([][]byte{{1}})}); err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { s.serve("n2", conn, func() {}); conn.Close(); close(served) }()
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
	u := newUplink("n1", conn, make(chan struct{}, 1), health.NewLag(time.Second, health.NewRunClock(time.Second), nil))
	q := newQueue()
	calls := make([]*call, 3)
	for i := range calls {
		calls[i] = newCall([][]byte{{byte(i)}}, false, nil)
		if err := q.push(calls[i]); err != nil {
			t.Fatal(err)
		}
		u.send(q.take(true))
	}
	answer := frame{kind: frameAnswer, id: 1, body: encodeResults(Result{Index: 7}, []Result{{Index: 7, Data: []byte("ok")}})}
	for _, f := range []frame{answer, {kind: frameGoAway, id: 2}} {
		if err := writeFrame(leader, f); err != nil {
			t.Fatal(err)
		}
	}
	<-u.ended
	for i, want := range []error{nil, outcome.Unknown, outcome.NoLeader} {
		<-calls[i].finished
		if got := calls[i].results[0].Err; !errors.Is(got, want) {
			t.Errorf("frame %d: %v, want %v", i+1, got, want)
		}
	}
	if u.usable() {
		t.Error("the connection is still used")
	}
}
