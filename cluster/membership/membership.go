// Package membership says which changes of a cluster's members are allowed, and in
// which steps they happen. It is pure: a plan follows from what is known alone.
//
// One voter is added or removed at a time, as raft has it: a majority of the voters
// before and one of those after always share a voter, so that no two leaders can be
// elected side by side while a change is under way.
package membership

import (
	"slices"

	"github.com/bpsc/bpsc/internal/identity"
)

// Kind is what a change does.
type Kind string

// The kinds of change.
const (
	Add            Kind = "add"
	Promote        Kind = "promote"
	Demote         Kind = "demote"
	Remove         Kind = "remove"
	Replace        Kind = "replace"
	TransferLeader Kind = "transfer-leader"
)

// Change is what an operator asks for.
type Change struct {
	Kind Kind   `json:"kind"`
	ID   string `json:"id"` // of the member
	// Instance restricts the change to that instance of the member; optional.
	Instance string `json:"instance,omitempty"`
	// Addr is host:port of the member's raft port, as the others reach it. An add
	// needs it; a replacement has the old member's where it is empty.
	Addr      string `json:"addr,omitempty"`
	NonVoter  bool   `json:"non_voter,omitempty"`  // add: the member stays a non-voter
	TwoVoters bool   `json:"two_voters,omitempty"` // a result of two voters is wanted
	// At is the index of the configuration that the operator saw; 0 for whichever
	// is there.
	At     uint64 `json:"at,omitempty"`
	DryRun bool   `json:"dry_run,omitempty"`
}

// Changed is what a change did, or would do.
type Changed struct {
	Index uint64 `json:"index"` // of the configuration afterwards; the present one's for a dry run
	Steps []Step `json:"steps"` // what happens, in order
}

// Step is the membership after one step of a change. The first of a plan is as it was
// before.
type Step struct {
	What      string   `json:"what"`
	Voters    []string `json:"voters"` // identities
	Quorum    int      `json:"quorum"` // voters that must be there
	Reachable int      `json:"reachable"`
	CanLose   int      `json:"can_lose"` // reachable voters that can fail before the quorum is lost
	Action    Action   `json:"-"`
}

// Configuration is who the members are.
type Configuration struct {
	Index   uint64 // of the log entry that made it so
	Members []Member
}

// Member is the member of that identity.
func (c Configuration) Member(name string) (Member, bool) {
	i := slices.IndexFunc(c.Members, func(m Member) bool { return string(m.Identity()) == name })
	if i < 0 {
		return Member{}, false
	}
	return c.Members[i], true
}

// Voters are the identities of those that vote.
func (c Configuration) Voters() (names []string) {
	for _, m := range c.Members {
		if m.Voter {
			names = append(names, string(m.Identity()))
		}
	}
	return names
}

// Addrs is where each member is, by its identity.
func (c Configuration) Addrs() map[string]string {
	out := map[string]string{}
	for _, m := range c.Members {
		out[string(m.Identity())] = m.Addr
	}
	return out
}

// Member is one of them.
type Member struct {
	ID       string
	Instance string // of its disk; "" for a founder
	Addr     string // host:port of its raft port
	Voter    bool
	Stays    bool // a non-voter for good: it is not promoted by itself
}

// Identity is the member's name in the log.
func (m Member) Identity() identity.Identity { return identity.New(m.ID, m.Instance) }
