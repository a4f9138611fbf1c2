package health

import (
	"fmt"
	"sync"
	"time"
)

// unansweredPause is how long a member whose leader answers nothing that it passes
// on says so. Then it is ready again, or nobody would ask it to pass something on.
const unansweredPause = 15 * time.Second

// Lag watches whether this member keeps up: what is committed gets applied, and
// what it passes on to the leader gets answers. A member that hears heartbeats
// alone believes that nothing happens; so it goes by what the leader says of
// itself over another connection.
//
// One goroutine calls Look and owns the fields that say so; mu guards the rest,
// and the other methods may be called from anywhere.
type Lag struct {
	limit  time.Duration // by the clock
	clock  *RunClock
	member Observed

	// Owned by Look.
	mark    uint64        // an entry that was committed at
	since   time.Duration // and was not applied when last looked
	unheard time.Duration // since when the leader says nothing; zero when it does

	mu     sync.Mutex
	asked  string        // the leader that was passed something, and
	silent time.Duration // since when it has answered nothing; zero when it has
	why    string        // why this member does not keep up; empty when it does
}

// Observed is the member whose lag is watched.
type Observed interface {
	// OtherLeader is the member that leads, if it is another one.
	OtherLeader() (id string, ok bool)
	// Committed is the last entry that is known to be committed; ok is false when
	// the leader does not say.
	Committed(leader string) (index uint64, ok bool)
	// Applied is the last entry in the state machine.
	Applied() uint64
}

// NewLag watches a member that may be behind for limit.
func NewLag(limit time.Duration, clock *RunClock, member Observed) *Lag {
	return &Lag{limit: limit, clock: clock, member: member}
}

// Passing notes that something is passed on to a leader.
func (l *Lag) Passing(leader string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent == 0 || l.asked != leader {
		l.asked, l.silent = leader, l.clock.now()
	}
}

// Answered notes that the leader answered, and whether more is under way.
func (l *Lag) Answered(more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = 0
	if more {
		l.silent = l.clock.now()
	}
}

// Look decides whether this member keeps up.
func (l *Lag) Look() {
	now := l.clock.now()
	leader, follows := l.member.OtherLeader()
	commit, said := l.member.Committed(leader)
	if applied := l.member.Applied(); applied >= l.mark {
		l.mark, l.since = commit, now
	}
	if said || !follows {
		l.unheard = 0
	} else if l.unheard == 0 {
		l.unheard = now
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent > 0 && (!follows || leader != l.asked || now-l.silent > l.limit+unansweredPause) {
		l.silent = 0 // or it would never be asked again
	}
	l.why = ""
	switch {
	case l.member.Applied() < l.mark && now-l.since > l.limit:
		l.why = fmt.Sprintf("entry %d was committed more than %v ago, its state is at entry %d", l.mark, l.limit, l.member.Applied())
	case l.unheard > 0 && now-l.unheard > l.limit:
		l.why = fmt.Sprintf("%s leads and has not said for %v how far it is", leader, l.limit)
	case l.silent > 0 && now-l.silent > l.limit:
		l.why = fmt.Sprintf("%s has answered nothing that was passed on to it for %v", leader, l.limit)
	}
}

// Reason is why this member does not keep up; empty when it does.
func (l *Lag) Reason() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}
