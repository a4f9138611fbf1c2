package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/page"
	"github.com/bpsc/bpsc/internal/outcome"
)

// pageRoutes are the page at the root, and its files. There is nothing of the ledger in
// them, so they need no token, which a browser could not send for an address that
// somebody types; the modules of the page send one with what they ask for.
func (s *server) pageRoutes(engine gin.IRoutes) {
	s.get(engine, "/", s.getPage)
	s.get(engine, "/assets/:release/*file", s.getAsset)
}

// getPage is GET / for browsers. For programs, which do not ask for HTML, there is no such
// path, as there was none before the page.
func (s *server) getPage(c *gin.Context) error {
	header := c.Writer.Header()
	header[headerVary] = varyAccept
	if !strings.Contains(c.GetHeader("Accept"), "text/html") {
		return outcome.PathUnknown
	}
	text, policy := s.page.Shell(page.Node{Kind: s.role.kind(), Version: s.cfg.Version, Peers: s.role.peers()})
	sum := sha256.Sum256(text)
	header["Content-Security-Policy"] = []string{policy}
	if httpcache.NotModified(c, `"`+hex.EncodeToString(sum[:8])+`"`) {
		return nil
	}
	header[headerType] = []string{"text/html; charset=utf-8"}
	s.send(c, http.StatusOK, text)
	return nil
}

// getAsset is GET /assets/{release}/{file}. Its address changes with its content.
func (s *server) getAsset(c *gin.Context) error {
	asset := s.page.Asset(c.Param("release"), strings.TrimPrefix(c.Param("file"), "/"))
	if asset == nil {
		return outcome.PathUnknown
	}
	header := c.Writer.Header()
	header[headerType] = []string{asset.Type}
	httpcache.Immutable(header)
	header[headerVary] = varyEncoding
	s.sendEither(c, asset.Plain, asset.Gzip)
	return nil
}
