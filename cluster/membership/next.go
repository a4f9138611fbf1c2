package membership

import "fmt"

// Next is what a leader does by itself: it removes the old instance of a member
// whose new one has taken its place, and makes voters of non-voters that have caught
// up. found is false while there is nothing to do, or nothing that leaves a majority.
func Next(s State) (next Step, found bool) {
	if s.Changing || s.find(s.Leader) < 0 {
		return Step{}, false
	}
	for at, m := range s.Members {
		if s.isReplaced(at) {
			return s.try(func(p *plan) error { return p.drop(at, true) })
		}
		if !m.Voter && !m.Stays && s.Seen[m.Identity()].MayVote && s.hasCaughtUp(m) {
			return s.try(func(p *plan) error { return p.makeVoter(at, true) })
		}
	}
	return Step{}, false
}

// isReplaced tells whether a newer instance of a member has taken its place: it
// votes if the old one does, and has all that the old one has if not.
func (s State) isReplaced(at int) bool {
	old := s.Members[at]
	for _, m := range s.Members[at+1:] {
		if m.ID == old.ID && (m.Voter && s.Seen[m.Identity()].Reachable || !old.Voter && s.hasCaughtUp(m)) {
			return true
		}
	}
	return false
}

// try is the first step of what do plans, if all of it leaves a majority.
func (s State) try(do func(*plan) error) (first Step, found bool) {
	p := newPlan(s)
	if p.refuseLost() != nil || do(p) != nil {
		return Step{}, false
	}
	return p.steps[1], true
}

// Waits says what a non-voter that is to become a voter waits for; "" when it does
// not wait.
func (s State) Waits(m Member) string {
	switch seen := s.Seen[m.Identity()]; {
	case m.Voter || m.Stays:
		return ""
	case !seen.Reachable:
		return "it does not answer"
	case seen.Lag > s.PromoteLag:
		return fmt.Sprintf("it lags %d entries, and at most %d are allowed", seen.Lag, s.PromoteLag)
	case !seen.MayVote:
		return "it has not announced its key yet"
	}
	return fmt.Sprintf("it has to stay caught up for %v", s.PromoteAfter)
}
