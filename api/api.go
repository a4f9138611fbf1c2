package api

import (
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/gin-gonic/gin"
)

// server holds what the handlers share. Everything in it is safe for
// concurrent use.
type server struct {
	cfg       Config
	write     Writer
	read      Reader
	member    Member
	contracts contractCache
	signature *verifier
	pool      workPool
	requests  requestIDs
	complain  throttle
	waiting   atomic.Int64 // long polls under way
}

// New returns the handler for everything a member serves over HTTP.
func New(cfg Config, w Writer, r Reader, m Member) (http.Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	requests, err := newRequestIDs(cfg.Random)
	if err != nil {
		return nil, fmt.Errorf("api: no random bytes: %w", err)
	}
	s := &server{cfg: cfg, write: w, read: r, member: m, requests: requests, signature: newVerifier()}
	return s.routes(), nil
}

// newEngine returns gin as a router and nothing more: no logging, no recovery,
// no redirects, and parameters as they stand escaped in the path, so that a
// name may hold a slash.
func newEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode) // or New prints to standard output
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	engine.UseEscapedPath = true
	engine.UnescapePathValues = false // it would turn + into a space
	return engine
}
