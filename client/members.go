package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Cluster is how the cluster looks from one member.
type Cluster struct {
	ID            string          `json:"id"`     // of the member that answered
	Leader        string          `json:"leader"` // "" when it knows none
	Configuration uint64          `json:"configuration"`
	Members       []ClusterMember `json:"members"`
}

// ClusterMember is one member, as far as it matters to changes of the membership.
type ClusterMember struct {
	ID        string `json:"id"`
	Instance  string `json:"instance"` // of its disk; "" for one of the first members
	Raft      string `json:"raft"`     // host:port
	API       string `json:"api"`      // URL; "" when it has not said so yet
	Role      string `json:"role"`     // leader, follower, candidate, unreachable
	Voter     bool   `json:"voter"`
	Stays     bool   `json:"stays"`     // a non-voter for good
	Replacing bool   `json:"replacing"` // an empty folder with its id may join
	Waits     string `json:"waits"`     // what keeps it from becoming a voter
	Lag       uint64 `json:"lag"`       // log entries that it has to apply to reach the leader
	Ready     bool   `json:"ready"`     // it should get requests, as of a moment ago

	Version        string `json:"version"`         // of its bpsc; "" where it does not answer
	LevelSupported uint64 `json:"level_supported"` // the newest that it knows
	LevelActive    uint64 `json:"level_active"`    // what its state says that the cluster is on
}

// MemberChange is one of AddMember, PromoteMember, DemoteMember, RemoveMember,
// ReplaceMember and TransferLeader, with what it needs. For the operator alone: see
// Client.Token.
type MemberChange struct {
	Kind      string `json:"-"`
	ID        string `json:"-"`                    // of the member; who shall lead, "" for anybody
	Instance  string `json:"instance,omitempty"`   // only this instance of the member
	Raft      string `json:"raft,omitempty"`       // host:port: add; replace: the old one's when empty
	NonVoter  bool   `json:"non_voter,omitempty"`  // add: it stays a non-voter
	TwoVoters bool   `json:"two_voters,omitempty"` // two voters may be the result
	At        uint64 `json:"at,omitempty"`         // Cluster.Configuration that the change is meant for; 0 for any
	DryRun    bool   `json:"dry_run,omitempty"`    // say what would happen, and change nothing
}

// The kinds of changes.
const (
	AddMember      = "add"
	PromoteMember  = "promote"
	DemoteMember   = "demote"
	RemoveMember   = "remove"
	ReplaceMember  = "replace"
	TransferLeader = "transfer-leader"
)

// MembersChanged is what a change did, or would do.
type MembersChanged struct {
	Index uint64       `json:"index"` // Cluster.Configuration afterwards
	Steps []MemberStep `json:"steps"` // the first is how things were before
}

// MemberStep is what happens, and who votes from then on.
type MemberStep struct {
	What      string   `json:"what"`
	Voters    []string `json:"voters"`    // id, or id~instance
	Quorum    int      `json:"quorum"`    // how many voters make a majority
	Reachable int      `json:"reachable"` // how many voters answer
	CanLose   int      `json:"can_lose"`  // how many of those may fail
}

// Cluster asks a member how the cluster is.
func (c *Client) Cluster(ctx context.Context) (cluster Cluster, err error) {
	body, err := c.do(ctx, call{method: http.MethodGet, path: "/v1/cluster"})
	if err == nil {
		err = json.Unmarshal(body, &cluster)
	}
	return cluster, err
}

// ChangeMembers changes who the members are. wait is how long a member may wait for
// one that has not started yet before it answers, 30 s at most.
//
// A change that may have been made (ErrOutcomeUnknown) is not sent again: look at
// Cluster, or send it with At, by which it is made once at most.
func (c *Client) ChangeMembers(ctx context.Context, change MemberChange, wait time.Duration) (changed MembersChanged, err error) {
	q := call{method: http.MethodPost, once: true, wait: min(wait, maxWait)}
	asked := ""
	if q.wait > 0 {
		asked = q.wait.String()
	}
	path, body, err := change.request()
	if err != nil {
		return changed, err
	}
	q.path, q.body = at(path, "wait", asked), body
	answer, err := c.do(ctx, q)
	if err == nil {
		err = json.Unmarshal(answer, &changed)
	}
	return changed, err
}

// request is where a change is sent, and its body.
func (m MemberChange) request() (path string, body []byte, err error) {
	var fields any = m
	switch m.Kind {
	case AddMember:
		path, fields = "/v1/cluster/members", struct {
			ID string `json:"id"`
			MemberChange
		}{m.ID, m}
	case TransferLeader:
		path, fields = "/v1/cluster:transfer-leader", struct {
			To string `json:"to,omitempty"`
			MemberChange
		}{m.ID, m}
	case PromoteMember, DemoteMember, RemoveMember, ReplaceMember:
		path = "/v1/cluster/members/" + url.PathEscape(m.ID) + ":" + m.Kind
	default:
		return "", nil, fmt.Errorf("client: there is no change of the members of the kind %q", m.Kind)
	}
	body, err = json.Marshal(fields)
	return path, body, err
}
