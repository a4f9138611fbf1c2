package transport

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// A leader whose entries do not get to a member tries again, each time after twice as long,
// up to ten seconds: so a member that comes back waits for its entries about as long as it
// was away, though heartbeats reach it at once. After the first few tries, which may be a
// connection that broke, reach tries instead whenever a heartbeat has got through, and each
// second: heartbeats have pauses as well, of up to half of their time-out.
//
// Its methods may be called from anywhere.
type reach struct {
	mu     sync.Mutex
	failed map[raft.ServerID]int           // tries in a row
	since  map[raft.ServerID]time.Time     // when reach began to try in raft's place
	beat   map[raft.ServerID]chan struct{} // closed by the next heartbeat that gets through
}

const (
	// So many tries fail before one waits. raft's own pause is 40 ms then.
	reachTries = 4
	// A try waits at most so long for a heartbeat.
	reachPause = time.Second
	// So long reach tries before raft does once, which knows which tries nobody wants any
	// more: those of a member that was removed meanwhile.
	reachTurn = time.Minute
	// How often a try that waits looks whether its member leads still.
	reachLook = 50 * time.Millisecond
)

// isBeat tells heartbeats from messages that belong to entries, as the library does.
func isBeat(args *raft.AppendEntriesRequest) bool {
	return args.PrevLogEntry == 0 && args.PrevLogTerm == 0 && len(args.Entries) == 0 && args.LeaderCommitIndex == 0
}

// turned tells whether a member has answered that it has no room. Heartbeats say nothing of
// that: raft's own pauses are right.
func turned(err error) bool { return err.Error() == errNoRoom.Error() }

// through notes that a message has got to a member.
func (r *reach) through(id raft.ServerID, heartbeat bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !heartbeat {
		delete(r.failed, id)
		delete(r.since, id)
	} else if beat := r.beat[id]; beat != nil {
		close(beat)
		delete(r.beat, id)
	}
}

// again waits, after a try that failed, for when the next one may succeed, and tells whether
// it is to be made. Otherwise it is raft's to try again.
func (r *reach) again(id raft.ServerID, leads func() bool, closed <-chan struct{}) bool {
	r.mu.Lock()
	if r.failed == nil {
		r.failed, r.since, r.beat = map[raft.ServerID]int{}, map[raft.ServerID]time.Time{}, map[raft.ServerID]chan struct{}{}
	}
	r.failed[id]++
	if r.failed[id] < reachTries {
		r.mu.Unlock()
		return false
	}
	if r.since[id].IsZero() {
		r.since[id] = time.Now()
	}
	if time.Since(r.since[id]) > reachTurn {
		delete(r.since, id)
		r.mu.Unlock()
		return false
	}
	beat := r.beat[id]
	if beat == nil {
		beat = make(chan struct{})
		r.beat[id] = beat
	}
	r.mu.Unlock()
	pause := time.NewTimer(reachPause)
	defer pause.Stop()
	look := time.NewTicker(reachLook)
	defer look.Stop()
	for leads() {
		select {
		case <-beat:
			return true
		case <-pause.C:
			return true
		case <-look.C:
		case <-closed:
			return false
		}
	}
	return false
}
