package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// ClusterEvent is something that happened to the cluster, as one member learned of it.
type ClusterEvent struct {
	Number uint64    `json:"number"`
	Time   time.Time `json:"time"`             // by the clock of that member
	Kind   string    `json:"kind"`             // leader, leaderless, election, added, promoted, demoted, moved, removed, unreachable, back, snapshot, installed, level, started
	Term   uint64    `json:"term,omitempty"`   // of an election or a leader
	Member string    `json:"member,omitempty"` // id of the member that it is about
	Text   string    `json:"text"`             // the same as a sentence
}

// ClusterEvents is a page of what one member remembers. Numbers are those of one start of
// that member: where Member or Began differ from a page before, they begin anew.
type ClusterEvents struct {
	Member string         `json:"member"`
	Began  time.Time      `json:"began"`
	Items  []ClusterEvent `json:"items"`          // the oldest first
	Next   uint64         `json:"next,omitempty"` // where to go on, 0 at the end
}

// ClusterEvents reads what a member remembers behind an event, at most limit events; 0 is
// what the server gives.
func (c *Client) ClusterEvents(ctx context.Context, after uint64, limit int) (page ClusterEvents, err error) {
	answer, err := c.do(ctx, call{method: http.MethodGet, path: at("/v1/cluster/events", "after", number(after), "limit", number(limit))})
	if err == nil {
		err = json.Unmarshal(answer, &page)
	}
	return page, err
}
