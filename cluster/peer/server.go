package peer

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/internal/outcome"
)

// How long a member that stops waits for its peers to close their connections,
// which they do as soon as they hear of it.
const farewellTimeout = 500 * time.Millisecond

// Server answers other members: it puts their requests in this member's own queue
// and tells them its status.
//
// Each connection has two goroutines, the one that calls Serve, which reads, and a
// writer, and one for each change of the members that it has asked for. All end when the connection is closed; Stop ends them after the answers
// that are due were written. mu guards stopped and conns; a connection is counted in
// serving before its first frame is read, and never once stopped is set.
type Server struct {
	queue  *queue.Queue
	leads  func() bool
	status func() any
	change func(ctx context.Context, request []byte) (answer []byte, err error)
	log    *slog.Logger

	quit    chan struct{} // closed by Stop
	mu      sync.Mutex
	stopped bool
	conns   map[net.Conn]struct{}
	serving sync.WaitGroup
}

// NewServer returns a server that puts requests in q while leads says that this
// member leads. status is what to tell of it, as JSON, and change makes a change of the
// members, until its context ends.
func NewServer(q *queue.Queue, leads func() bool, status func() any,
	change func(ctx context.Context, request []byte) (answer []byte, err error), log *slog.Logger,
) *Server {
	return &Server{queue: q, leads: leads, status: status, change: change, log: log, quit: make(chan struct{}), conns: map[net.Conn]struct{}{}}
}

// Serve answers one peer until the connection ends. It calls known once Stop would
// find the connection.
func (s *Server) Serve(from string, conn net.Conn, known func()) {
	entered := s.enter(conn)
	known()
	if !entered {
		farewell(conn, 0) // one who dials again after a farewell sends frames at once
		return
	}
	defer s.leave(conn)
	w := newAnswerer(conn)
	ctx, cancel := context.WithCancel(context.Background())
	var changing sync.WaitGroup
	last, err := s.answerFrames(conn, w, func(f frame) {
		changing.Go(func() { s.answerChange(ctx, conn, f, w.answer) })
	})
	cancel() // who asked for a change is gone, or this member stops
	changing.Wait()
	w.stop()
	select {
	case <-s.quit:
		farewell(conn, last)
	default:
		s.log.Debug("peer connection ended", "peer", from, "error", err)
	}
}

// answerFrames works on what the peer sends until the connection ends or the
// server stops. It returns the id of the last frame it handled.
func (s *Server) answerFrames(conn net.Conn, w *answerer, change func(frame)) (last uint64, err error) {
	r := bufio.NewReaderSize(conn, 64<<10)
	for {
		f, err := readFrame(r, maxFrameBytes)
		if err != nil || !w.reserve(s.quit) {
			return last, err
		}
		if f.kind == frameChange {
			change(f)
		} else if err := s.handle(f, w.answer); err != nil {
			return last, err
		}
		last = f.id
	}
}

// answerChange makes a change; a peer that asks for none gets no answer.
func (s *Server) answerChange(ctx context.Context, conn net.Conn, f frame, answer func(frame)) {
	body, err := s.change(ctx, f.body)
	if err != nil {
		_ = conn.Close()
		return
	}
	answer(frame{kind: frameChangeAnswer, id: f.id, body: body})
}

// farewell tells a peer which of its frames were handled, so that it need not
// take the others for lost in an unknown state. What still arrives is read and
// dropped until the peer closes: to close with input unread would reset the
// connection and could destroy the farewell on its way.
func farewell(conn net.Conn, last uint64) {
	if err := writeFrame(conn, frame{kind: frameGoAway, id: last}); err != nil {
		return
	}
	if err := conn.SetReadDeadline(time.Now().Add(farewellTimeout)); err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, conn) // to its end or the deadline, whichever comes first
}

// handle starts to work on a frame; answer is called once, unless an error is
// returned.
func (s *Server) handle(f frame, answer func(frame)) error {
	switch f.kind {
	case framePropose:
		requests, err := decodeRequests(f.body)
		if err != nil {
			return err
		}
		s.propose(requests, func(common queue.Result, results []queue.Result) {
			answer(frame{kind: frameAnswer, id: f.id, body: encodeResults(common, results)})
		})
		return nil
	case frameStatus:
		body, err := json.Marshal(s.status())
		if err != nil {
			return err
		}
		answer(frame{kind: frameStatusAnswer, id: f.id, body: body})
		return nil
	}
	return errFrame
}

// propose puts a frame's requests in the queue as one call, which is never
// forwarded again: two members that take each other for the leader would send
// it to and fro.
func (s *Server) propose(requests [][]byte, done func(common queue.Result, results []queue.Result)) {
	finish := func(results []queue.Result) {
		common := newestResult(results)
		if len(requests) == 0 {
			results = nil
		}
		done(common, results)
	}
	var err error = outcome.NoLeader
	if s.leads() {
		err = s.queue.Push(queue.NewCall(requests, true, finish))
	}
	if err != nil {
		finish(queue.Failed(max(1, len(requests)), err))
	}
}

// newestResult is the result of a frame as a whole: that of its last request to
// be ordered, or why none was.
func newestResult(results []queue.Result) queue.Result {
	newest := results[0]
	for _, r := range results {
		if r.Err == nil && r.Index >= newest.Index {
			newest = r
		}
	}
	return queue.Result{Index: newest.Index, Err: newest.Err}
}

func (s *Server) enter(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.conns[conn] = struct{}{}
	s.serving.Add(1)
	return true
}

func (s *Server) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	s.serving.Done()
}

// Stop lets no more frames in and waits until the answers that are there were
// written. The queue is drained before, so that all are there.
func (s *Server) Stop() {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.quit)
	}
	for conn := range s.conns {
		_ = conn.SetReadDeadline(time.Now()) // the reader ends, the writer goes on
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// answerer writes the answers to the frames of one peer. As many frames as may
// be under way reserve room before they are worked on and keep it until their answer
// is written; so answer never blocks those who call it, even when the peer reads no
// more.
//
// The goroutine that serves the connection reserves, anybody answers, and one of
// the answerer's own writes and frees the room. It ends with stop; what is answered
// after that stays in the channel.
type answerer struct {
	conn    net.Conn
	room    chan struct{} // one token for each frame under way
	answers chan frame    // with as much room
	quit    chan struct{}
	writing sync.WaitGroup
}

func newAnswerer(conn net.Conn) *answerer {
	a := &answerer{
		conn:    conn,
		room:    make(chan struct{}, maxFramesInFlight),
		answers: make(chan frame, maxFramesInFlight),
		quit:    make(chan struct{}),
	}
	a.writing.Go(a.write)
	return a
}

// reserve waits for room; it returns false when given up.
func (a *answerer) reserve(quit <-chan struct{}) bool {
	select {
	case a.room <- struct{}{}:
		return true
	case <-quit:
		return false
	}
}

// answer hands the answer to a frame that has room to the writer.
func (a *answerer) answer(f frame) { a.answers <- f }

func (a *answerer) write() {
	for {
		select {
		case f := <-a.answers:
			a.writeOne(f)
		case <-a.quit:
			for len(a.answers) > 0 { // none comes any more
				a.writeOne(<-a.answers)
			}
			return
		}
	}
}

// writeOne writes an answer; a peer that does not take it loses the connection,
// and so learns that it does not know the outcome.
func (a *answerer) writeOne(f frame) {
	if err := writeFrame(a.conn, f); err != nil {
		a.conn.Close()
	}
	<-a.room
}

// stop writes the answers that are there and ends the writer.
func (a *answerer) stop() {
	close(a.quit)
	a.writing.Wait()
}
