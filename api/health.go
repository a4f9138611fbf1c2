package api

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// livez is GET /livez: this process answers. It asks nothing of the cluster,
// or a lost leader would have every member restarted.
func (s *server) livez(c *gin.Context) error {
	s.sendText(c, http.StatusOK, "ok\n")
	return nil
}

// readyz is GET /readyz: this member should get requests. ?verbose lists what
// was looked at.
func (s *memberServer) readyz(c *gin.Context) error {
	leader := "[-]leader unknown\n"
	if id, ok := s.member.Leader(); ok {
		leader = "[+]leader " + id + "\n"
	}
	s.sendReady(c, "member", s.member.Ready(), leader)
	return nil
}

// readyz is GET /readyz: this follower should get requests.
func (s *followerServer) readyz(c *gin.Context) error {
	s.sendReady(c, "follower", s.node.Ready(), "[ ]last contact "+s.node.LastContact().String()+" ago\n")
	return nil
}

// sendReady answers for what kind of node this is; more is for ?verbose.
func (s *server) sendReady(c *gin.Context, kind string, unready error, more string) {
	status, text, line := http.StatusOK, "ok\n", "[+]"+kind+" ok\n"
	if unready != nil {
		status, text = http.StatusServiceUnavailable, unready.Error()+"\n"
		line = "[-]" + kind + " " + text
	}
	if _, verbose := c.GetQuery("verbose"); verbose {
		text = line + more + s.contractLine()
	}
	s.sendText(c, status, text)
}

// contractLine is for information: a member without a contract takes the
// request that creates one.
func (s *server) contractLine() string {
	if token, ok := s.read.DefaultToken(); ok {
		return "[+]contract " + token + "\n"
	}
	if s.missing != nil {
		return "[ ]contract none yet: " + s.missing() + "\n"
	}
	return "[ ]contract none yet\n"
}

func (s *server) sendText(c *gin.Context, status int, text string) {
	header := c.Writer.Header()
	header[headerType] = typeText
	header[headerCache] = noStore
	s.send(c, status, []byte(text))
}
