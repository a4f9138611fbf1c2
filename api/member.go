package api

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

// memberServer is a replica of the cluster: it adds the writes, and what only
// a member knows.
type memberServer struct {
	*server
	write     Writer
	member    Member
	signature *verifier
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
	s, err := newServer(cfg, settled{r, m}, e)
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
	return &memberServer{server: s, write: w, member: m, signature: newVerifier()}, nil
}

// settled is a replica that says that there is no such contract only when it is
// ready: a member that has just started has not heard of all contracts yet, and
// clients and relays take the answer as final.
type settled struct {
	Reader
	member Member
}

// Contract fails with ErrNoContract where that may change in a moment.
func (r settled) Contract(token string) (chain.Info, error) {
	info, err := r.Reader.Contract(token)
	if errors.Is(err, chain.ContractUnknown) && r.member.Ready() != nil {
		return info, ErrNoContract
	}
	return info, err
}

func (s *memberServer) routes() http.Handler {
	engine := s.newRouter()
	reads := engine.Group("", s.readLevel)
	s.readRoutes(reads)
	reads.GET("/smart/chain", s.handle(s.getSmartChain))

	writes := engine.Group("", s.fromHere)
	s.tutorialRoutes(writes)
	writes.POST("/v1/transactions", s.handle(s.postTransaction))
	writes.POST(`/v1/transactions\:batch`, s.handle(s.postBatch))
	writes.POST("/v1/holds/:id", s.handle(s.resolveHold)) // {id}:accept and {id}:reject
	operator := writes.Group("", s.operatorOnly)
	operator.POST("/v1/contracts", s.handle(s.createContract))
	operator.DELETE("/v1/nodes/:node", s.handle(s.removeNode(s.dropNode)))
	s.get(engine, "/v1/cluster", s.getCluster)
	s.get(engine, "/readyz", s.readyz)
	return engine
}

// tutorialRoutes are frozen, as are /chain and /smart/chain: same methods,
// bodies, messages and status codes as the tutorial's programs.
func (s *memberServer) tutorialRoutes(writes gin.IRoutes) {
	writes.POST("/transactions/new", s.handle(s.postTutorialTransaction))
	writes.GET("/mine", s.handle(s.mine))
	writes.POST("/mine", s.handle(s.mine))
	writes.POST("/nodes/register", s.handle(s.registerNodes(s.addNodes)))
}
