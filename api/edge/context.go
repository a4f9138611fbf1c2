package edge

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// visitKey is where the gin context of a request has its visit, where that matters
// afterwards.
const visitKey = "visit"

// Keep makes VisitOf find a visit from which something is still to be taken: a guest's,
// and one with a body whose length nobody knows. The others, which are most, cost
// nothing more.
func (v *Visit) Keep(c *gin.Context, r *http.Request) {
	if v.Guest || r.ContentLength < 0 {
		c.Set(visitKey, v)
	}
}

// VisitOf is the visit of a request that Keep has kept, else nil.
func VisitOf(c *gin.Context) *Visit {
	v, _ := c.Get(visitKey)
	visit, _ := v.(*Visit)
	return visit
}

// IsGuest tells whether a request, nil being one that was not kept, is held to the
// share of guests.
func (v *Visit) IsGuest() bool { return v != nil && v.Guest }
