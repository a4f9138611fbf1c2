package api

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"
)

// getCluster is GET /v1/cluster.
func (s *memberServer) getCluster(c *gin.Context) error {
	status := s.member.Cluster()
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
