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
func (s *server) readyz(c *gin.Context) error {
	status, text, line := http.StatusOK, "ok\n", "[+]member ok\n"
	if err := s.member.Ready(); err != nil {
		status, text = http.StatusServiceUnavailable, err.Error()+"\n"
		line = "[-]member " + text
	}
	if _, verbose := c.GetQuery("verbose"); verbose {
		text = line + s.leaderLine() + s.contractLine()
	}
	s.sendText(c, status, text)
	return nil
}

func (s *server) leaderLine() string {
	if id, ok := s.member.Leader(); ok {
		return "[+]leader " + id + "\n"
	}
	return "[-]leader unknown\n"
}

// contractLine is for information: a member without a contract takes the
// request that creates one.
func (s *server) contractLine() string {
	if token, ok := s.read.DefaultToken(); ok {
		return "[+]contract " + token + "\n"
	}
	return "[ ]contract none yet\n"
}

func (s *server) sendText(c *gin.Context, status int, text string) {
	header := c.Writer.Header()
	header[headerType] = typeText
	header["Cache-Control"] = noStore
	s.send(c, status, []byte(text))
}
