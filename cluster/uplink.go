package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/internal/outcome"
)

// uplink is the kept-open connection over which a member sends its queue to the
// leader. The batcher sends; a goroutine of the uplink reads the answers and
// ends with the connection, when it answers whatever is still under way.
type uplink struct {
	leader string
	conn   net.Conn
	freed  chan struct{} // token for the batcher: an answer came, or the end
	ended  chan struct{} // closed when the reader has ended
	lag    *health.Lag

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]batch // sent and not answered
	broken  bool
	resting bool // the leader has just said that it does not lead
}

func newUplink(leader string, conn net.Conn, freed chan struct{}, lag *health.Lag) *uplink {
	u := &uplink{leader: leader, conn: conn, freed: freed, lag: lag, ended: make(chan struct{}), waiting: map[uint64]batch{}}
	go u.read()
	return u
}

// usable tells whether it makes sense to send on it.
func (u *uplink) usable() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return !u.broken
}

// full tells whether nothing may be sent now: as many frames are under way as
// may be, or more of them would only be refused.
func (u *uplink) full() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.waiting) >= maxFramesInFlight || u.resting
}

// waits tells whether frames are under way.
func (u *uplink) waits() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.waiting) > 0
}

// rest holds the queue back for a moment, in which this member may learn who
// leads now. Its goroutine ends by itself.
func (u *uplink) rest() {
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
		poke(u.freed)
	})
}

// send writes the batch as one frame. A frame that was not written to its end
// cannot be understood by the leader, so its requests have not been ordered.
func (u *uplink) send(b batch) {
	id, ok := u.enlist(b)
	if !ok {
		b.fail(fmt.Errorf("%w: the connection to %s broke", outcome.NoLeader, u.leader))
		return
	}
	err := writeFrame(u.conn, frame{kind: framePropose, id: id, body: encodeRequests(b.requests)})
	if err == nil {
		return
	}
	if _, mine := u.delist(id); mine {
		b.fail(fmt.Errorf("%w: sending to %s: %w", outcome.NoLeader, u.leader, err))
	}
	u.close()
}

// enlist notes that the batch is under way and begins to wait for answers.
func (u *uplink) enlist(b batch) (id uint64, ok bool) {
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
func (u *uplink) delist(id uint64) (b batch, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	b, ok = u.waiting[id]
	delete(u.waiting, id)
	u.expectAnswer()
	return b, ok
}

// expectAnswer sets the time by which the leader must say something: a leader
// that hangs while its connection stands must not hold the frames for ever.
func (u *uplink) expectAnswer() {
	deadline := time.Time{}
	if len(u.waiting) > 0 {
		deadline = time.Now().Add(answerTimeout)
	}
	_ = u.conn.SetReadDeadline(deadline) // an error shows in the next read
}

func (u *uplink) read() {
	defer close(u.ended)
	r := bufio.NewReaderSize(u.conn, 64<<10)
	var err error
	for err == nil {
		var f frame
		if f, err = readFrame(r, maxAnswerBytes+maxFrameBytes); err == nil {
			err = u.receive(f)
		}
	}
	u.close()
	u.mu.Lock()
	u.broken = true
	lost := u.waiting
	u.waiting = map[uint64]batch{}
	u.mu.Unlock()
	for _, b := range lost {
		b.fail(fmt.Errorf("%w: lost the connection to %s: %w", outcome.Unknown, u.leader, err))
	}
	poke(u.freed)
}

func (u *uplink) receive(f frame) error {
	if f.kind == frameGoAway {
		u.turnedAway(f.id)
		return errGoAway
	}
	b, ok := u.delist(f.id)
	if !ok || f.kind != frameAnswer {
		return errors.Join(errFrame, errors.New("an answer that nobody asked for"))
	}
	poke(u.freed)
	u.lag.Answered(u.waits())
	common, results, err := decodeResults(f.body, len(b.requests))
	if err != nil {
		b.fail(fmt.Errorf("%w: %w", outcome.Unknown, err))
		return err
	}
	if errors.Is(common.Err, outcome.NoLeader) {
		u.rest()
	}
	b.answer(results, common)
	return nil
}

// errGoAway: the leader stops and takes no more frames.
var errGoAway = errors.New("the leader stops")

// turnedAway fails the batches behind the last frame that the leader handled:
// it never looked at them. The others it has answered before it said goodbye.
func (u *uplink) turnedAway(last uint64) {
	u.mu.Lock()
	u.broken = true
	unseen := map[uint64]batch{}
	for id, b := range u.waiting {
		if id > last {
			unseen[id] = b
			delete(u.waiting, id)
		}
	}
	u.mu.Unlock()
	for _, b := range unseen {
		b.fail(fmt.Errorf("%w: %s stops", outcome.NoLeader, u.leader))
	}
}

// close ends the connection; the reader does the rest.
func (u *uplink) close() { u.conn.Close() }
