package cluster

import (
	"fmt"
	"sync"
	"time"
)

// lag watches whether this member keeps up: what is committed gets applied, and
// what it passes on to the leader gets answers. A member that hears heartbeats
// alone believes that nothing happens; so it goes by what the leader says of
// itself over another connection.
//
// look is called by one goroutine; passing and answered may be called from
// anywhere.
type lag struct {
	limit   time.Duration // by the clock
	clock   *runClock
	leader  func() (id string, ok bool)        // another member that leads
	commit  func(leader string) (uint64, bool) // what is known to be committed; false when the leader does not say
	applied func() uint64

	// Owned by look.
	mark    uint64        // an entry that was committed at
	since   time.Duration // and was not applied when last looked
	unheard time.Duration // since when the leader says nothing; zero when it does

	mu     sync.Mutex
	asked  string        // the leader that was passed something, and
	silent time.Duration // since when it has answered nothing; zero when it has
	why    string        // why this member does not keep up; empty when it does
}

// passing notes that something is passed on to a leader.
func (l *lag) passing(leader string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent == 0 || l.asked != leader {
		l.asked, l.silent = leader, l.clock.now()
	}
}

// answered notes that it answered, and whether more is under way.
func (l *lag) answered(more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = 0
	if more {
		l.silent = l.clock.now()
	}
}

// look decides whether this member keeps up.
func (l *lag) look() {
	now := l.clock.now()
	leader, follows := l.leader()
	commit, said := l.commit(leader)
	if applied := l.applied(); applied >= l.mark {
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
	case l.applied() < l.mark && now-l.since > l.limit:
		l.why = fmt.Sprintf("entry %d was committed more than %v ago, its state is at entry %d", l.mark, l.limit, l.applied())
	case l.unheard > 0 && now-l.unheard > l.limit:
		l.why = fmt.Sprintf("%s leads and has not said for %v how far it is", leader, l.limit)
	case l.silent > 0 && now-l.silent > l.limit:
		l.why = fmt.Sprintf("%s has answered nothing that was passed on to it for %v", leader, l.limit)
	}
}

// reason is why this member does not keep up; empty when it does.
func (l *lag) reason() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}
