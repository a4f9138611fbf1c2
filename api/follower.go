package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/jsonobject"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
)

// Node is what the API asks of a node outside the cluster.
type Node interface {
	// Ready says why this node should get no requests now.
	Ready() error
	// LastContact is the time since an upstream last answered.
	LastContact() time.Duration
	// Pull returns once this node has of the chain what an upstream has. It fails
	// with outcome.NoUpstream when none answers, with chain.ErrInvalid when what one
	// sends does not verify.
	Pull(ctx context.Context, token string) error
	// Lookup returns nil when no upstream has a contract of that token that this
	// node does not have; an error is why it may be here in a moment.
	Lookup(ctx context.Context, token string) error
	// Register adds host:port addresses to this node's own directory, for the
	// network that asks. Nothing is ever sent to them.
	Register(nodes []string, from string) error
	// Remove takes one off it, or fails with chain.NotFound.
	Remove(node string) error
	// Sync is how this node keeps up, in the form of JSON in which it tells others.
	Sync() any
}

// followerServer is a node outside the cluster: it reads from a copy that it has
// verified, hands writes on, and has a chain of its own.
type followerServer struct {
	*server
	node     Node
	personal Personal
	relay    Relay
}

// NewFollower returns the handler for everything a follower serves over HTTP.
func NewFollower(cfg Config, r Reader, n Node, p Personal, relay Relay, e Evidence) (http.Handler, error) {
	s, err := newServer(cfg, logless{r}, e)
	if err != nil {
		return nil, err
	}
	f := &followerServer{server: s, node: n, personal: p, relay: relay}
	s.role = f
	return f.routes(), nil
}

// The rest of role: a follower hears of blocks only, and cannot tell what there is
// besides those that it has.

func (s *followerServer) findContract(ctx context.Context, token string) error {
	return s.node.Lookup(ctx, token)
}
func (s *followerServer) awaitNewest(*gin.Context) error  { return nil }
func (s *followerServer) newestOnly(*gin.Context) bool    { return false }
func (s *followerServer) now() (at chain.Micros, ok bool) { return 0, false }
func (s *followerServer) kind() string                    { return "follower" }
func (s *followerServer) peers() []string                 { return nil }
func (s *followerServer) whyNoContract() string           { return "" }

// logged does what an operator asks for, and says so in the log: a follower has no part
// in the cluster's audit log.
func (s *followerServer) logged(c *gin.Context, what string, do func() error) error {
	err := do()
	s.named(c).Info("an operator's action", "action", what, "who", access.From(c.Request.Context()).Kind, "from", c.Request.RemoteAddr,
		"done", err == nil)
	return err
}

func notHere(*gin.Context) error {
	return problem.WithDetail(problem.NotHere, "This is a follower, which produces no blocks: ask a member of the cluster")
}

// readHere is before every read of a follower's ledger.
func (s *followerServer) readHere(c *gin.Context) {
	if waitsForNothing(c) || s.reached(c, func(ctx context.Context) error { return s.await(ctx, c) }) {
		setLastContact(c, s.node.LastContact())
	}
}

// await refuses what a follower cannot promise: it hears of blocks only, and
// of those later than a member does.
func (s *followerServer) await(ctx context.Context, c *gin.Context) error {
	if wanted := query.Text(c, "consistency"); wanted != "" && consistency(wanted) != local {
		return fmt.Errorf("%w: a follower answers consistency=local only; ask a member, or wait here with min_block", chain.InvalidField)
	}
	if query.Text(c, "min_index") != "" {
		return fmt.Errorf("%w: a follower has no log and no index in it; wait with min_block, the block of the answer to a write", chain.InvalidField)
	}
	index, _, err := minBlock(c)
	if err != nil {
		return err
	}
	return s.awaitBlock(ctx, c, index)
}

// getSmartChain is GET /smart/chain on a follower: it gets what an upstream has
// and then answers as a member does. NDJSON is how others sync from this node:
// they are answered with what it has, or a chain of followers would ask all the
// way up for each poll.
func (s *followerServer) getSmartChain(c *gin.Context) error {
	if acceptsLines(c) {
		return s.server.getSmartChain(c)
	}
	c.Writer.Header()[headerVary] = varyAccept
	contract, err := s.contractOf(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
	err = s.node.Pull(ctx, contract.Token)
	switch {
	case err == nil:
		return s.server.getSmartChain(c)
	case errors.Is(err, outcome.NoUpstream), errors.Is(err, chain.ErrInvalid), errors.Is(err, context.DeadlineExceeded):
		return s.sendOldChain(c)
	}
	return err
}

// sendOldChain is the tutorial's answer when there is no good chain to be had.
func (s *followerServer) sendOldChain(c *gin.Context) error {
	sp, info, err := s.chainRequest(c, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	httpcache.NoStore(c.Writer.Header())
	f := ofLength(`{"message": "Unsuccessful: Please try again", "old chain": [`, info.Length)
	return s.sendBlocks(c, f, sp, info.Length, s.blocksOf(&info))
}

// logless is a follower's state. It knows nothing of the log of the cluster, and
// an index of its own would mislead a client that asks a member for it.
type logless struct{ Reader }

func (logless) AppliedIndex() uint64 { return 0 }

func (r logless) Transaction(token string, id chain.ID) (chain.Outcome, error) {
	o, err := r.Reader.Transaction(token, id)
	o.AppliedIndex = 0
	return o, err
}

// Personal is the node's own chain. Its errors wrap an outcome.Code, or one of
// pyjson's when the information itself is at fault.
type Personal interface {
	// Add puts information, which is any JSON text, into the next block. It must
	// not keep the bytes. outcome.PersonalFull means that the block takes no more.
	Add(information []byte) (block uint64, err error)
	// Forge makes the next block, an empty one too.
	Forge() (PersonalBlock, error)
	// Length counts the blocks.
	Length() uint64
	// Blocks is as that of Reader.
	Blocks(from, limit uint64, yield func(index uint64, canonical []byte) error) error
}

// PersonalBlock is what the tutorial tells about a new block.
type PersonalBlock struct {
	Index        uint64
	Information  []byte // a JSON array
	PreviousHash string
}

// addInformation is the tutorial's POST /information/new: any JSON goes into the
// next block of the personal chain.
func (s *followerServer) addInformation(c *gin.Context) error {
	w := s.pool.get()
	defer s.pool.put(w)
	if err := readBody(c, w, maxBody); err != nil {
		return err
	}
	var information []byte
	err := w.read.Object(w.in, func(s *pyjson.Scanner, key string) (err error) {
		if key == "information" {
			information, err = s.Raw()
		}
		return err
	})
	if err != nil {
		return err
	}
	if information == nil {
		return problem.WithDetail(chain.MissingValues, intake.MissingValues)
	}
	block, err := s.personal.Add(information)
	if errors.Is(err, outcome.PersonalFull) {
		return problem.WithDetail(err, "Forge the block first: GET /mine")
	}
	if err != nil {
		return intake.JSONError(err)
	}
	w.out = append(w.out, `{"message":"information will be added to Block `...)
	w.out = append(strconv.AppendUint(w.out, block, 10), "\"}\n"...)
	s.sendJSON(c, http.StatusCreated, w.out)
	return nil
}

// minePersonal is GET and POST /mine on a follower, which produces blocks of no
// chain but its own.
func (s *followerServer) minePersonal(c *gin.Context) error {
	httpcache.NoStore(c.Writer.Header())
	if err := s.mayForge(""); err != nil { // no contract has that name
		return err
	}
	block, err := s.personal.Forge()
	if err != nil {
		return err
	}
	w := s.pool.get()
	defer s.pool.put(w)
	w.out = jsonobject.AppendUint(append(w.out, '{'), "index2", block.Index)
	w.out = jsonobject.AppendRaw(w.out, "information", block.Information)
	w.out = jsonobject.AppendText(w.out, "message", "New Block Forged")
	w.out = jsonobject.AppendText(w.out, "previous_hash", block.PreviousHash)
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
}

// getPersonalChain is GET /chain2: {"chain2": [ … ], "length": N}.
func (s *followerServer) getPersonalChain(c *gin.Context) error {
	sp, err := querySpan(c, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	httpcache.Revalidate(c.Writer.Header())
	length := s.personal.Length()
	return s.sendBlocks(c, ofLength(`{"chain2": [`, length), sp, length, s.personal.Blocks)
}
