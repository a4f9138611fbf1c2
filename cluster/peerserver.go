package cluster

import (
	"bufio"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/bpsc/bpsc/internal/outcome"
)

// peerServer answers other members: it puts their requests in this member's own
// queue and tells them its status.
//
// It has two goroutines for each connection, the one that calls serve, which
// reads, and a writer. Both end when the connection is closed; stop ends them
// after the answers that are due were written.
type peerServer struct {
	queue  *queue
	leads  func() bool
	status func() statusAnswer
	log    *slog.Logger

	quit    chan struct{} // closed by stop
	mu      sync.Mutex
	stopped bool
	conns   map[net.Conn]struct{}
	serving sync.WaitGroup
}

func newPeerServer(q *queue, leads func() bool, status func() statusAnswer, log *slog.Logger) *peerServer {
	return &peerServer{queue: q, leads: leads, status: status, log: log, quit: make(chan struct{}), conns: map[net.Conn]struct{}{}}
}

// serve answers one peer until the connection ends. It calls known once stop would
// find the connection.
func (s *peerServer) serve(from string, conn net.Conn, known func()) {
	entered := s.enter(conn)
	known()
	if !entered {
		farewell(conn, 0) // one who dials again after a farewell sends frames at once
		return
	}
	defer s.leave(conn)
	w := newAnswerer(conn)
	last, err := s.answerFrames(conn, w)
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
func (s *peerServer) answerFrames(conn net.Conn, w *answerer) (last uint64, err error) {
	r := bufio.NewReaderSize(conn, 64<<10)
	for {
		f, err := readFrame(r, maxFrameBytes)
		if err != nil || !w.reserve(s.quit) {
			return last, err
		}
		if err := s.handle(f, w.answer); err != nil {
			return last, err
		}
		last = f.id
	}
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
func (s *peerServer) handle(f frame, answer func(frame)) error {
	switch f.kind {
	case framePropose:
		requests, err := decodeRequests(f.body)
		if err != nil {
			return err
		}
		s.propose(requests, func(common Result, results []Result) {
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
func (s *peerServer) propose(requests [][]byte, done func(common Result, results []Result)) {
	finish := func(results []Result) {
		common := newestResult(results)
		if len(requests) == 0 {
			results = nil
		}
		done(common, results)
	}
	var err error = outcome.NoLeader
	if s.leads() {
		err = s.queue.push(newCall(requests, true, finish))
	}
	if err != nil {
		finish(failed(max(1, len(requests)), err))
	}
}

// newestResult is the result of a frame as a whole: that of its last request to
// be ordered, or why none was.
func newestResult(results []Result) Result {
	newest := results[0]
	for _, r := range results {
		if r.Err == nil && r.Index >= newest.Index {
			newest = r
		}
	}
	return Result{Index: newest.Index, Err: newest.Err}
}

func (s *peerServer) enter(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.conns[conn] = struct{}{}
	s.serving.Add(1)
	return true
}

func (s *peerServer) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	s.serving.Done()
}

// stop lets no more frames in and waits until the answers that are there were
// written. The queue is drained before, so that all are there.
func (s *peerServer) stop() {
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
