package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/cors"
	"github.com/bpsc/bpsc/api/openapi"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/token"
)

// A route is added in this file, with the names that its query may have, and its
// handler in the file of its noun. What the handler needs of the ledger goes into
// the interface that stands there; a new reason to refuse goes into problem/.

// handler is an http handler that returns why it could not answer.
type handler func(c *gin.Context) error

// newRouter has what does not read the ledger.
func (s *server) newRouter() *gin.Engine {
	engine := newEngine()
	engine.Use(s.enter)
	engine.NoRoute(s.handle(pathUnknown))
	engine.NoMethod(s.handle(s.methodNotAllowed))
	s.get(engine, "/livez", s.livez)
	s.pageRoutes(engine)
	if s.cfg.Metrics != nil {
		engine.GET("/metrics", gin.WrapH(s.cfg.Metrics))
		engine.HEAD("/metrics", gin.WrapH(s.cfg.Metrics))
	}
	return engine
}

// The parameters that requests have in common. What a route takes besides stands
// with the route; whatever else is in a query is refused (query/).
var (
	aboutAChain = []string{"contract", "chain"}
	ofAge       = []string{"consistency", "min_index", "min_block"}
	ofAPart     = []string{"from", "limit"}
)

// readRoutes are the reads that members and followers answer alike. Those of
// state answer as of now; what never changes, or shows by itself how new it is,
// is answered with what this replica has.
func (s *server) readRoutes(state, here gin.IRoutes) {
	s.get(state, "/v1/transactions/:id", s.getTransaction, aboutAChain, ofAge, []string{"expires"})
	s.get(state, "/v1/holds/:id", s.getHold, aboutAChain, ofAge, asOf)
	s.get(state, "/v1/accounts/:address", s.getAccount, aboutAChain, ofAge, asOf)
	s.get(state, "/v1/accounts/:address/transactions", s.getHistory, aboutAChain, ofAge,
		[]string{"limit", "kind", "direction", "order", "after", "before"})
	s.get(state, "/v1/accounts/:address/holds", s.getOpenHolds, aboutAChain, ofAge, asOf, []string{"limit", "role", "after"})

	s.get(here, "/chain", s.getChain, aboutAChain, ofAge, ofAPart)
	s.get(here, "/v1/blocks/:index", s.getBlock, aboutAChain, ofAge)
	s.get(here, "/v1/blocks", s.getBlocks, aboutAChain, ofAge, ofAPart)
	s.get(here, "/v1/contracts", s.getContracts, ofAge)
	s.get(here, "/v1/contracts/:token", s.getContract, ofAge, []string{"chain"})
	s.get(here, "/v1/contracts/:token/checkpoint", s.getCheckpoint, ofAge, []string{"chain", "size"})
	s.get(here, "/v1/contracts/:token/tile/*tile", s.getTile, ofAge, []string{"chain"})
	s.get(here, "/v1/transactions/:id/receipt", s.getReceipt, aboutAChain, ofAge, []string{"wait"})
	s.get(here, "/v1/policy", s.getPolicy, aboutAChain, ofAge)
	s.get(here, "/v1/policies", s.getPolicies, aboutAChain, ofAge, []string{"from"})
	s.get(here, "/v1/nodes", s.getNodes, ofAge, []string{"limit", "after"})
	s.get(here, "/v1/events", s.getEvents, aboutAChain, ofAge, []string{"from", "only"})
}

func (s *memberServer) routes() http.Handler {
	engine := s.newRouter()
	s.shared = cors.New(s.peers)
	readers := engine.Group("", vary, s.may(token.Read))
	reads := s.sharedReads(readers)
	state, here := s.sharedReads(readers.Group("", s.readAt(linearizable))), s.sharedReads(readers.Group("", s.readAt(local)))
	s.readRoutes(state, here)
	s.get(here, "/smart/chain", s.getSmartChain, aboutAChain, ofAge, ofAPart, []string{"wait"})

	guarded := engine.Group("", s.sameSite)
	writes := s.sharedWrites(guarded.Group("", s.may(token.Submit)))
	s.tutorialRoutes(writes)
	s.post(writes, "/v1/transactions", s.postTransaction, aboutAChain)
	s.post(writes, `/v1/transactions\:batch`, unkeyed(s.postBatch), aboutAChain)
	s.post(writes, "/v1/holds/:id", s.resolveHold, aboutAChain) // {id}:accept and {id}:reject
	operator := guarded.Group("", s.may(token.Operate))
	s.post(operator, "/v1/contracts", unkeyed(s.createContract))
	s.on(operator, http.MethodDelete, "/v1/nodes/:node", unkeyed(s.removeNode(s.dropNode)))
	s.on(operator, http.MethodGet, "/v1/backup", s.getBackup)
	s.post(operator, "/v1/tokens", unkeyed(s.makeToken))
	s.on(operator, http.MethodDelete, "/v1/tokens/:id", unkeyed(s.revokeToken))
	s.post(operator, `/v1/cluster\:activate`, unkeyed(s.activateLevel))
	looks := engine.Group("", s.may(token.Operate))
	s.diagnosticRoutes(looks, s.notedIfPossible)
	s.get(looks, "/v1/tokens", s.getTokens, []string{"limit", "after"})
	s.get(looks, "/v1/audit", s.getAudit, []string{"limit", "after"})
	s.memberRoutes(operator)
	s.get(reads, "/v1/cluster", s.getCluster)
	s.get(reads, "/v1/cluster/events", s.getClusterEvents, []string{"limit", "after"})
	s.get(engine, "/readyz", s.readyz)
	s.referenceRoutes(engine, openapi.Member)
	return unescapeColons(engine)
}

// vary is before the reads of a member, which pages of other members share.
func vary(c *gin.Context) { cors.Vary(c.Writer.Header()) }

// sharedRoutes are routes of a member that pages of others may use, by some methods: GET
// /mine writes, whatever its name says, and is for programs and the member's own pages.
type sharedRoutes struct {
	gin.IRoutes
	methods []string
	with    *cors.Routes
}

// Handle implements gin.IRoutes.
func (r sharedRoutes) Handle(method, path string, handlers ...gin.HandlerFunc) gin.IRoutes {
	if slices.Contains(r.methods, method) {
		r.with.Add(method, plain(path))
	}
	return r.IRoutes.Handle(method, path, handlers...)
}

func (s *memberServer) sharedReads(routes gin.IRoutes) gin.IRoutes {
	return sharedRoutes{routes, []string{http.MethodGet, http.MethodHead}, &s.shared}
}

func (s *memberServer) sharedWrites(routes gin.IRoutes) gin.IRoutes {
	return sharedRoutes{routes, []string{http.MethodPost}, &s.shared}
}

// memberRoutes change who the members are.
func (s *memberServer) memberRoutes(operator gin.IRoutes) {
	s.post(operator, "/v1/cluster/members", unkeyed(s.addMember), []string{"wait"})
	s.post(operator, "/v1/cluster/members/:id", unkeyed(s.changeMember), []string{"wait"}) // {id}:promote, :demote, :remove, :replace
	s.post(operator, `/v1/cluster\:transfer-leader`, unkeyed(s.transferLeader), []string{"wait"})
}

// tutorialRoutes are frozen, as are /chain and /smart/chain: same methods,
// bodies, messages and status codes as the tutorial's programs. GET /mine changes
// the ledger, so there is no HEAD of it.
func (s *memberServer) tutorialRoutes(writes gin.IRoutes) {
	s.post(writes, "/transactions/new", s.postTutorialTransaction, aboutAChain)
	s.on(writes, http.MethodGet, "/mine", unkeyed(s.mine), aboutAChain)
	s.post(writes, "/mine", unkeyed(s.mine), aboutAChain)
	s.post(writes, "/nodes/register", unkeyed(s.registerNodes(s.addNodes)))
}

func (s *followerServer) routes() http.Handler {
	engine := s.newRouter()
	may := engine.Group("", s.may(token.Read))
	reads := may.Group("", s.readHere)
	s.readRoutes(reads, reads)
	s.get(reads, "/smart/chain", s.getSmartChain, aboutAChain, ofAge, ofAPart, []string{"wait"})

	writes := engine.Group("", s.sameSite)
	passed := writes.Group("", s.mayPass(token.Submit))
	s.tutorialRoutes(writes.Group("", s.may(token.Submit)))
	s.post(passed, "/transactions/new", s.relayTransaction, aboutAChain)
	s.post(passed, "/v1/transactions", s.relayTransaction, aboutAChain)
	s.post(passed, `/v1/transactions\:batch`, unkeyed(s.relayBatch), aboutAChain)
	s.post(passed, "/v1/holds/:id", s.relayHold, aboutAChain)
	s.post(writes, "/v1/contracts", notHere)
	s.on(writes.Group("", s.may(token.Operate)), http.MethodDelete, "/v1/nodes/:node", unkeyed(s.removeNode(s.dropNode)))
	s.get(may, "/chain2", s.getPersonalChain, ofAPart)
	s.diagnosticRoutes(engine.Group("", s.may(token.Operate)), s.logged)
	s.get(may, "/v1/sync", s.getSync)
	s.get(engine, "/readyz", s.readyz)
	s.referenceRoutes(engine, openapi.Follower)
	s.get(engine, "/v1/cluster", notHere)
	s.get(engine, "/v1/cluster/events", notHere)
	s.post(writes, `/v1/cluster\:activate`, notHere)
	s.on(engine, http.MethodGet, "/v1/backup", followersBackup)
	s.post(writes, "/v1/tokens", notHere)
	s.on(writes, http.MethodDelete, "/v1/tokens/:id", notHere)
	s.get(engine, "/v1/tokens", notHere)
	s.get(engine, "/v1/audit", notHere)
	s.post(writes, "/v1/cluster/members", notHere)
	s.post(writes, "/v1/cluster/members/:id", notHere)
	s.post(writes, `/v1/cluster\:transfer-leader`, notHere)
	return unescapeColons(engine)
}

// tutorialRoutes are frozen: those of the tutorial's nodes, without /transactions/new,
// which is handed on.
func (s *followerServer) tutorialRoutes(writes gin.IRoutes) {
	s.post(writes, "/nodes/register", unkeyed(s.registerNodes(s.addNodes)))
	s.post(writes, "/information/new", unkeyed(s.addInformation))
	s.on(writes, http.MethodGet, "/mine", unkeyed(s.minePersonal))
	s.post(writes, "/mine", unkeyed(s.minePersonal))
}

// get routes GET and HEAD, which is the same without the body.
func (s *server) get(routes gin.IRoutes, path string, h handler, names ...[]string) {
	s.on(routes, http.MethodGet, path, h, names...)
	s.on(routes, http.MethodHead, path, h, names...)
}

// post routes POST.
func (s *server) post(routes gin.IRoutes, path string, h handler, names ...[]string) {
	s.on(routes, http.MethodPost, path, h, names...)
}

// on routes one method, with the names that a query may have.
func (s *server) on(routes gin.IRoutes, method, path string, h handler, names ...[]string) {
	routes.Handle(method, path, s.handle(h))
	s.queryNames.Add(method, plain(path), names...)
}

// plain is the path of a route without gin's marks of colons that stand for themselves, as
// a request's FullPath has it.
func plain(route string) string { return strings.ReplaceAll(route, `\:`, ":") }

// handle answers with a problem where h could not answer. Once part of an
// answer is out, all that is left is to cut the connection, so that nobody
// takes the part for the whole.
func (s *server) handle(h handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := h(c)
		if err == nil || errors.Is(err, errAnswered) {
			return
		}
		if c.Writer.Written() {
			panic(http.ErrAbortHandler)
		}
		s.fail(c, err)
	}
}

func pathUnknown(*gin.Context) error { return outcome.PathUnknown }

// methodNotAllowed puts the methods that gin found into a stable order.
func (s *server) methodNotAllowed(c *gin.Context) error {
	if s.shared.Preflight(c.Writer.Header(), c.Request) {
		c.Status(http.StatusNoContent)
		return nil
	}
	allowed := strings.Split(c.Writer.Header().Get("Allow"), ", ")
	slices.Sort(allowed)
	c.Writer.Header().Set("Allow", strings.Join(allowed, ", "))
	return outcome.MethodNotAllowed
}
