package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// handler is an http handler that returns why it could not answer.
type handler func(c *gin.Context) error

// newRouter has what does not read the ledger.
func (s *server) newRouter() *gin.Engine {
	engine := newEngine()
	engine.Use(s.enter)
	engine.NoRoute(s.handle(pathUnknown))
	engine.NoMethod(s.handle(methodNotAllowed))
	s.get(engine, "/livez", s.livez)
	if s.cfg.Metrics != nil {
		engine.GET("/metrics", gin.WrapH(s.cfg.Metrics))
	}
	return engine
}

// readRoutes are the reads that members and followers answer alike.
func (s *server) readRoutes(reads gin.IRoutes) {
	reads.GET("/chain", s.handle(s.getChain))
	s.get(reads, "/v1/transactions/:id", s.getTransaction)
	s.get(reads, "/v1/holds/:id", s.getHold)
	s.get(reads, "/v1/blocks/:index", s.getBlock)
	s.get(reads, "/v1/accounts/:address", s.getAccount)
	s.get(reads, "/v1/accounts/:address/transactions", s.getHistory)
	s.get(reads, "/v1/contracts", s.getContracts)
	s.get(reads, "/v1/contracts/:token", s.getContract)
	s.get(reads, "/v1/contracts/:token/checkpoint", s.getCheckpoint)
	s.get(reads, "/v1/contracts/:token/tile/*tile", s.getTile)
	s.get(reads, "/v1/transactions/:id/receipt", s.getReceipt)
	s.get(reads, "/v1/policy", s.getPolicy)
	s.get(reads, "/v1/nodes", s.getNodes)
	reads.GET("/v1/blocks", s.handle(s.getBlocks))
	reads.GET("/v1/events", s.handle(s.getEvents))
}

// get routes GET and HEAD; net/http drops the body of the latter.
func (s *server) get(routes gin.IRoutes, path string, h handler) {
	routes.GET(path, s.handle(h))
	routes.HEAD(path, s.handle(h))
}

// handle answers with a problem where h could not answer. Once part of an
// answer is out, all that is left is to cut the connection, so that nobody
// takes the part for the whole.
func (s *server) handle(h handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := h(c)
		if err == nil {
			return
		}
		if c.Writer.Written() {
			panic(http.ErrAbortHandler)
		}
		s.fail(c, err)
	}
}

func pathUnknown(*gin.Context) error { return ErrPathUnknown }

// methodNotAllowed puts the methods that gin found into a stable order.
func methodNotAllowed(c *gin.Context) error {
	allowed := strings.Split(c.Writer.Header().Get("Allow"), ", ")
	slices.Sort(allowed)
	c.Writer.Header().Set("Allow", strings.Join(allowed, ", "))
	return ErrMethodNotAllowed
}
