package api

import (
	"context"
	"io"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/internal/webserver"
)

// getBackup is GET /v1/backup: an archive of this member's state, as it is written.
// One is made at a time. A client that does not read is cut off like any other, and
// with it ends the snapshot; one that reads slowly has backupTimeout. So does one
// under way when the server drains: a member that stops does not wait for it.
func (s *memberServer) getBackup(c *gin.Context) error {
	if s.cfg.Backup == nil {
		return pathUnknown(c)
	}
	leave, ok := s.backingUp.Enter()
	if !ok {
		return problem.BackupRuns
	}
	defer leave()
	return s.notedIfPossible(c, "backup", func() error { return s.sendBackup(c) })
}

func (s *memberServer) sendBackup(c *gin.Context) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), backupTimeout)
	defer cancel()
	defer webserver.UntilDraining(ctx, cancel)()
	header := c.Writer.Header()
	header[headerType] = typeZstd
	httpcache.NoStore(header)
	out := s.chunks.Get(c.Writer)
	defer s.chunks.Put(out)
	if err := s.cfg.Backup(ctx, ending{ctx, out}); err != nil {
		return err
	}
	return out.Flush()
}

// ending ends with its context.
type ending struct {
	ctx context.Context
	out io.Writer
}

// Write implements io.Writer.
func (e ending) Write(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.out.Write(p)
}

// followersBackup is why a follower has none of a state.
func followersBackup(*gin.Context) error {
	return problem.WithDetail(problem.NotHere, "This is a follower, which has no member's state: copy its chains, which needs no operator (bpsc backup create --chains)")
}
