package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
)

// memberServer is a replica of the cluster: it adds the writes, and what only
// a member knows.
type memberServer struct {
	*server
	write     Writer
	member    Member
	signature *verifier
	answered  answered
}

// New returns the handler for everything a member serves over HTTP.
func New(cfg Config, w Writer, r Reader, m Member, e Evidence) (http.Handler, error) {
	s, err := newMember(cfg, w, r, m, e)
	if err != nil {
		return nil, err
	}
	return s.routes(), nil
}

// howToContract is what an operator can do for a cluster without a contract.
const howToContract = "start the members with --contract FILE, or make one with POST /v1/contracts"

func newMember(cfg Config, w Writer, r Reader, m Member, e Evidence) (*memberServer, error) {
	// A member that has applied all that was acknowledged knows all contracts.
	s, err := newServer(cfg, r, e, func(ctx context.Context, _ string) error { return m.Barrier(ctx) })
	if err != nil {
		return nil, err
	}
	s.missing = func() string {
		if err := m.Ready(); err != nil {
			return err.Error()
		}
		return howToContract
	}
	s.now = m.Now
	member := &memberServer{server: s, write: w, member: m, signature: newVerifier()}
	s.absent, s.newest, s.asOfNow = member.awaitAnswered, member.awaitNewest, isLinearizable
	return member, nil
}

func (s *memberServer) routes() http.Handler {
	engine := s.newRouter()
	state, local := engine.Group("", s.readLevel(linearizable)), engine.Group("", s.readLevel(asItIsHere))
	s.readRoutes(state, local)
	s.get(local, "/smart/chain", s.getSmartChain, aboutAChain, ofAge, ofAPart, []string{"wait"})

	writes := engine.Group("", s.fromHere)
	s.tutorialRoutes(writes)
	s.post(writes, "/v1/transactions", s.postTransaction, aboutAChain)
	s.post(writes, `/v1/transactions\:batch`, unkeyed(s.postBatch), aboutAChain)
	s.post(writes, "/v1/holds/:id", s.resolveHold, aboutAChain) // {id}:accept and {id}:reject
	operator := writes.Group("", s.operatorOnly)
	s.post(operator, "/v1/contracts", unkeyed(s.createContract))
	s.on(operator, http.MethodDelete, "/v1/nodes/:node", unkeyed(s.removeNode(s.dropNode)))
	s.get(engine, "/v1/cluster", s.getCluster)
	s.get(engine, "/readyz", s.readyz)
	return colons(engine)
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
