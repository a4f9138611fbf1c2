package membership

import (
	"slices"
	"time"

	"github.com/bpsc/bpsc/internal/identity"
)

// State is what a plan is made from: the configuration, and how its members are, as
// the leader sees them. A replacement stands behind what it replaces.
type State struct {
	Configuration
	// Changing: the configuration is not committed yet.
	Changing bool
	Leader   identity.Identity // "" when none is known
	Seen     map[identity.Identity]Seen
	// Joiner is what answers at the address to which an add or a replace leads; nil
	// when nobody does, or nobody was asked.
	Joiner *Joiner
	// A non-voter has caught up when it has lagged at most PromoteLag entries for
	// PromoteAfter.
	PromoteLag   uint64
	PromoteAfter time.Duration
}

// Seen is how a member is.
type Seen struct {
	Reachable bool // it has answered the leader lately; so has the leader itself
	MayVote   bool // its owner has nothing against its promotion
	// Replacing: a replacement of it is open and waits for an empty folder.
	Replacing bool
	Lag       uint64        // entries that the leader has and it has not applied
	CaughtUp  time.Duration // for how long Lag has been at most PromoteLag; 0 when it is not
}

// Joiner is what answered at an address.
type Joiner struct {
	Identity identity.Identity
	Cluster  Standing
	Removed  bool // this identity was a member once, and is barred
}

// Standing is in which cluster a joiner is.
type Standing int

// The standings.
const (
	Nowhere   Standing = iota // its folder is empty
	Ours                      // in the cluster that asks
	Elsewhere                 // in another one
)

// hasCaughtUp tells whether a non-voter is as good as the others.
func (s State) hasCaughtUp(m Member) bool {
	seen := s.Seen[m.Identity()]
	return seen.Reachable && seen.Lag <= s.PromoteLag && seen.CaughtUp > 0 && seen.CaughtUp >= s.PromoteAfter
}

// find is where a member stands, -1 when it is none.
func (s State) find(who identity.Identity) int {
	return slices.IndexFunc(s.Members, func(m Member) bool { return m.Identity() == who })
}

// named is where the members with that id stand: more than one while a replacement
// is under way.
func (s State) named(id string) (at []int) {
	for i, m := range s.Members {
		if m.ID == id {
			at = append(at, i)
		}
	}
	return at
}

// heir is the voter to which leadership goes best: the reachable one that lags least.
func (s State) heir() (at int, found bool) {
	at = -1
	for i, m := range s.Members {
		seen := s.Seen[m.Identity()]
		if m.Voter && m.Identity() != s.Leader && seen.Reachable && (at < 0 || seen.Lag < s.Seen[s.Members[at].Identity()].Lag) {
			at = i
		}
	}
	return at, at >= 0
}
