package peer

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/internal/outcome"
)

const (
	// Pause before more is sent to a member that says it does not lead.
	refusalPause = 20 * time.Millisecond

	// How long frames may be on their way without any answer arriving before
	// the connection to the leader counts as broken.
	answerTimeout = 10 * time.Second
)

// Uplink is the kept-open connection over which a member sends its queue to the
// leader. One goroutine, the batcher's, sends and closes; one of the uplink's own
// reads the answers and ends with the connection, when it answers whatever is still
// under way. mu guards the rest. A batch is answered by whoever takes it out of
// waiting, which only one can.
type Uplink struct {
	leader string
	conn   net.Conn
	freed  func()        // called when an answer came, or the end
	ended  chan struct{} // closed when the reader has ended
	lag    *health.Lag

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]queue.Batch // sent and not answered
	broken  bool
	resting bool // the leader has just said that it does not lead
}

// NewUplink begins to read answers from a connection to the leader. It calls freed,
// which must not wait, whenever more may be sent.
func NewUplink(leader string, conn net.Conn, freed func(), lag *health.Lag) *Uplink {
	u := &Uplink{leader: leader, conn: conn, freed: freed, lag: lag, ended: make(chan struct{}), waiting: map[uint64]queue.Batch{}}
	go u.read()
	return u
}

// Leader is the member at the other end.
func (u *Uplink) Leader() string { return u.leader }

// Usable tells whether it makes sense to send on it.
func (u *Uplink) Usable() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return !u.broken
}

// Full tells whether nothing may be sent now: as many frames are under way as
// may be, or more of them would only be refused.
func (u *Uplink) Full() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.waiting) >= maxFramesInFlight || u.resting
}

// waits tells whether frames are under way.
func (u *Uplink) waits() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.waiting) > 0
}

// rest holds the queue back for a moment, in which this member may learn who
// leads now. Its goroutine ends by itself.
func (u *Uplink) rest() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.resting {
		return
	}
	u.resting = true
	time.AfterFunc(refusalPause, func() {
		u.mu.Lock()
		u.resting = false
		u.mu.Unlock()
		u.freed()
	})
}

// Send writes the batch as one frame. A frame that was not written to its end
// cannot be understood by the leader, so its requests have not been ordered.
func (u *Uplink) Send(b queue.Batch) {
	id, ok := u.enlist(b)
	if !ok {
		b.Fail(fmt.Errorf("%w: the connection to %s broke", outcome.NoLeader, u.leader))
		return
	}
	err := writeFrame(u.conn, frame{kind: framePropose, id: id, body: encodeRequests(b.Requests)})
	if err == nil {
		return
	}
	if _, mine := u.delist(id); mine {
		b.Fail(fmt.Errorf("%w: sending to %s: %w", outcome.NoLeader, u.leader, err))
	}
	u.conn.Close()
}

// enlist notes that the batch is under way and begins to wait for answers.
func (u *Uplink) enlist(b queue.Batch) (id uint64, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.broken {
		return 0, false
	}
	u.next++
	u.waiting[u.next] = b
	if len(u.waiting) == 1 {
		u.expectAnswer()
	}
	u.lag.Passing(u.leader)
	return u.next, true
}

// delist takes a batch out, to be answered by whoever took it.
func (u *Uplink) delist(id uint64) (b queue.Batch, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	b, ok = u.waiting[id]
	delete(u.waiting, id)
	u.expectAnswer()
	return b, ok
}

// expectAnswer sets the time by which the leader must say something: a leader
// that hangs while its connection stands must not hold the frames for ever.
func (u *Uplink) expectAnswer() {
	deadline := time.Time{}
	if len(u.waiting) > 0 {
		deadline = time.Now().Add(answerTimeout)
	}
	_ = u.conn.SetReadDeadline(deadline) // an error shows in the next read
}

func (u *Uplink) read() {
	defer close(u.ended)
	r := bufio.NewReaderSize(u.conn, 64<<10)
	var err error
	for err == nil {
		var f frame
		if f, err = readFrame(r, maxAnswerBytes+maxFrameBytes); err == nil {
			err = u.receive(f)
		}
	}
	u.conn.Close()
	u.mu.Lock()
	u.broken = true
	lost := u.waiting
	u.waiting = map[uint64]queue.Batch{}
	u.mu.Unlock()
	for _, b := range lost {
		b.Fail(fmt.Errorf("%w: lost the connection to %s: %w", outcome.Unknown, u.leader, err))
	}
	u.freed()
}

func (u *Uplink) receive(f frame) error {
	if f.kind == frameGoAway {
		u.turnedAway(f.id)
		return errGoAway
	}
	b, ok := u.delist(f.id)
	if !ok || f.kind != frameAnswer {
		return errors.Join(errFrame, errors.New("an answer that nobody asked for"))
	}
	u.freed()
	u.lag.Answered(u.waits())
	common, results, err := decodeResults(f.body, len(b.Requests))
	if err != nil {
		b.Fail(fmt.Errorf("%w: %w", outcome.Unknown, err))
		return err
	}
	if errors.Is(common.Err, outcome.NoLeader) {
		u.rest()
	}
	b.Answer(results, common)
	return nil
}

// errGoAway: the leader stops and takes no more frames.
var errGoAway = errors.New("the leader stops")

// turnedAway fails the batches behind the last frame that the leader handled:
// it never looked at them. The others it has answered before it said goodbye.
func (u *Uplink) turnedAway(last uint64) {
	u.mu.Lock()
	u.broken = true
	unseen := map[uint64]queue.Batch{}
	for id, b := range u.waiting {
		if id > last {
			unseen[id] = b
			delete(u.waiting, id)
		}
	}
	u.mu.Unlock()
	for _, b := range unseen {
		b.Fail(fmt.Errorf("%w: %s stops", outcome.NoLeader, u.leader))
	}
}

// Close ends the connection, and waits until all that was under way is answered.
func (u *Uplink) Close() {
	u.conn.Close()
	<-u.ended
}
