package node

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bpsc/bpsc/cluster/status"
)

// How long the disk may take to say how much room there is, and a follower to take some
// blocks. Nothing that works takes as long.
const (
	lookPatience = 10 * time.Second
	takePatience = time.Minute
)

// Stuck says why the process should be ended from outside, if it does not end by itself;
// nil while the member makes progress, or waits for others.
func (m *Member) Stuck() error { return cmp.Or(m.stuck(), m.cluster.Stuck()) }

// Stuck says why the process should be ended from outside, if it does not end by itself.
func (f *Follower) Stuck() error { return f.stuck() }

// Stuck says why the process should be ended from outside, if it does not end by itself.
func (w *Witness) Stuck() error { return w.stuck() }

// Summary is a line on how the member is.
func (m *Member) Summary() string {
	self := m.cluster.Self()
	role := self.Role
	if leader, known := m.cluster.Leader(); known && self.Role != status.RoleLeader {
		role += " of " + leader
	}
	return fmt.Sprintf("%s %s, %s", m.cfg.ID, role, readiness(m.Ready()))
}

// Summary is a line on how the follower is.
func (f *Follower) Summary() string {
	return fmt.Sprintf("follows %d chains, %s", len(f.Status()), readiness(f.Ready()))
}

// Summary is a line on how the witness is.
func (w *Witness) Summary() string {
	return fmt.Sprintf("cosigns for %d clusters, %s", len(w.cfg.Logs), readiness(w.fence.Err()))
}

func readiness(err error) string {
	if err != nil {
		return "not ready: " + err.Error()
	}
	return "ready"
}

// stuck is what can hold up any node.
func (s *service) stuck() error {
	if s.dead.Load() {
		return errors.New("it cannot go on, and has not ended")
	}
	if silent := time.Since(s.fence.Looked()); silent > lookPatience {
		return fmt.Errorf("the disk has not said for %v how much room there is", silent.Round(time.Second))
	}
	if what, took := s.underWay.oldest(); took > takePatience {
		return fmt.Errorf("%s takes longer than %v", what, takePatience)
	}
	return nil
}

// underWay is what has begun and not ended. The zero value is ready to use, by several
// goroutines.
type underWay struct {
	mu    sync.Mutex
	begun map[*begun]bool
}

type begun struct {
	what string
	at   time.Time
}

func (u *underWay) begin(what string) (end func()) {
	b := &begun{what, time.Now()}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.begun == nil {
		u.begun = map[*begun]bool{}
	}
	u.begun[b] = true
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.begun, b)
	}
}

// oldest is what began first of it, and how long ago; nothing is under way where that is
// nothing.
func (u *underWay) oldest() (what string, took time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for b := range u.begun {
		if since := time.Since(b.at); since > took {
			what, took = b.what, since
		}
	}
	return what, took
}
