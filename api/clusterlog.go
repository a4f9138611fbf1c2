package api

import (
	"math"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/query"
)

// ClusterLog is what a member remembers of what happened to the cluster.
type ClusterLog interface {
	// ClusterEvents returns at most limit events behind that of a number, the oldest
	// first, and whether there are more.
	ClusterEvents(after uint64, limit int) ClusterEvents
}

// ClusterEvents is a page of events, and whose they are. The numbers begin anew with each
// start of a member: they are to be taken together with Member and Began.
type ClusterEvents struct {
	Member string         `json:"member"` // that answers, and has seen them
	Began  time.Time      `json:"began"`  // when it started
	Items  []ClusterEvent `json:"items"`
	Next   uint64         `json:"next,omitempty"` // where the next page begins, as ?after=; none where there is none yet
}

// ClusterEvent is something that happened, as one member learned of it.
type ClusterEvent struct {
	Number uint64    `json:"number"`
	Time   time.Time `json:"time"`             // by the clock of that member
	Kind   string    `json:"kind"`             // see cluster/events.Kind
	Term   uint64    `json:"term,omitempty"`   // of an election or a leader
	Member string    `json:"member,omitempty"` // that it is about
	Text   string    `json:"text"`             // the same as a sentence
}

// getClusterEvents is GET /v1/cluster/events: elections, and how members come and go.
func (s *memberServer) getClusterEvents(c *gin.Context) error {
	limit, err := query.Uint(c, "limit", defaultPage, maxPage)
	if err != nil {
		return err
	}
	after, err := query.Uint(c, "after", 0, math.MaxInt64-1)
	if err != nil {
		return err
	}
	page := s.member.ClusterEvents(after, int(limit))
	if page.Items == nil {
		page.Items = []ClusterEvent{} // a list in JSON, never null
	}
	httpcache.NoStore(c.Writer.Header())
	return s.sendValue(c, http.StatusOK, page)
}
