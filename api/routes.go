package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// handler is an http handler that returns why it could not answer.
type handler func(c *gin.Context) error

func (s *server) routes() http.Handler {
	engine := newEngine()
	engine.Use(s.enter)
	engine.NoRoute(s.handle(pathUnknown))
	engine.NoMethod(s.handle(methodNotAllowed))
	s.tutorialRoutes(engine)
	s.v1Routes(engine)
	s.get(engine, "/livez", s.livez)
	s.get(engine, "/readyz", s.readyz)
	return engine
}

// tutorialRoutes are frozen: same methods, bodies, messages and status codes
// as the tutorial's programs.
func (s *server) tutorialRoutes(engine *gin.Engine) {
	engine.POST("/transactions/new", s.handle(s.postTutorialTransaction))
	engine.GET("/mine", s.handle(s.mine))
	engine.POST("/mine", s.handle(s.mine))
	engine.POST("/nodes/register", s.handle(s.registerNodes))
	reads := engine.Group("", s.readLevel)
	reads.GET("/chain", s.handle(s.getChain))
	reads.GET("/smart/chain", s.handle(s.getSmartChain))
}

func (s *server) v1Routes(engine *gin.Engine) {
	engine.POST("/v1/transactions", s.handle(s.postTransaction))
	engine.POST(`/v1/transactions\:batch`, s.handle(s.postBatch))
	engine.POST("/v1/holds/:id", s.handle(s.resolveHold)) // {id}:accept and {id}:reject
	engine.POST("/v1/contracts", s.handle(s.createContract))
	s.get(engine, "/v1/cluster", s.getCluster)
	reads := engine.Group("/v1", s.readLevel)
	s.get(reads, "/transactions/:id", s.getTransaction)
	s.get(reads, "/holds/:id", s.getHold)
	s.get(reads, "/blocks/:index", s.getBlock)
	s.get(reads, "/accounts/:address", s.getAccount)
	s.get(reads, "/accounts/:address/transactions", s.getHistory)
	s.get(reads, "/contracts", s.getContracts)
	s.get(reads, "/contracts/:token", s.getContract)
	s.get(reads, "/nodes", s.getNodes)
	reads.GET("/blocks", s.handle(s.getBlocks))
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
