package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"
)

// getCluster is GET /v1/cluster. It asks the other members, which is why it
// has the time of a read.
func (s *memberServer) getCluster(c *gin.Context) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
	status := s.member.Cluster(ctx)
	status.Version = s.cfg.Version
	if status.Members == nil {
		status.Members = []MemberStatus{} // a list in JSON, never null
	}
	text, err := json.Marshal(status)
	if err != nil {
		return err
	}
	c.Writer.Header()[headerCache] = noStore
	s.sendJSON(c, http.StatusOK, append(text, '\n'))
	return nil
}
