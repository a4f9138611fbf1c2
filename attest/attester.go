// Package attest is a member's own judgement of the chains of its cluster. It
// reads back each block that is on this member's disk, verifies it in full,
// and signs checkpoints over what it has verified: Apply trusts the member that
// took a request, a checkpoint trusts nobody. See DESIGN.md beside this file.
package attest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/admitted"
	"github.com/bpsc/bpsc/internal/release"
)

// ErrDiverged: a majority of the members has another state than this one.
var ErrDiverged = errors.New("this member's state is not that of the majority")

// State is what this member holds.
type State interface {
	Contracts() []chain.Info
	Contract(token string) (chain.Info, error)
	Block(token string, index uint64) ([]byte, chain.Hash, error)
	// BlocksHashed reads blocks in their order, each with its hash, which has been
	// compared with the bytes.
	BlocksHashed(token string, from, limit uint64, yield func(index uint64, canonical []byte, hash chain.Hash) error) error
	WaitBlock(ctx context.Context, token string, index uint64) error
	LogHashes(token string) tlog.HashReader
	Digest(token string, index uint64) (chain.Hash, error)
	// Unaudited names the state where it was restored from a snapshot and SetAudited has
	// not noted since, durably, that it is what its blocks come to; "": it was not.
	Unaudited() (name string, err error)
	SetAudited(name string) error
	// Produced is the index from which on this process has produced all blocks of a
	// chain, from records that it has decided.
	Produced(token string) (uint64, error)
	Attestations(token string) ([]chain.Attestation, <-chan struct{}, error)
	// Quorum is who counts at a size of a chain; nobody where that is not known.
	Quorum(token string, size uint64) Quorum
	// Level is the level that the cluster is on.
	Level() release.Need
	// Removed tells whether an identity is no member any more.
	Removed(member string) bool
	// Handovers are those from one policy to the next that members sign, in order, and a
	// channel that is closed once there are others or more signatures.
	Handovers() ([]Handover, <-chan struct{}, error)
}

// Log replicates what this member signs.
type Log interface {
	Attest(ctx context.Context, token string, a chain.Attestation) error
	Endorse(ctx context.Context, number int, member, cosignature string) error
}

// maxTurns bounds how many chains verify at a time: each holds a run of blocks in
// memory, and the rest of the machine serves requests.
const maxTurns = 1

// Config is what an Attester has to know. Start from DefaultConfig.
type Config struct {
	Member string // this member's identity
	Key    proof.SigningKey
	Dir    string // where it remembers what it signed; exists
	// Leads tells whether this member leads and has applied all that was before: the
	// leader chooses the sizes that all members attest, and asks the witnesses.
	Leads func() bool
	// Now is the time that cosignatures carry.
	Now func() time.Time
	// Witnesses are asked for cosignatures, each on its own.
	Witnesses []Witness
	// Admitted are signatures of transactions that this member has verified already;
	// nil: none.
	Admitted *admitted.Signatures
	// Audit makes again what the blocks come to of the state that is in use, beside it, and
	// compares. It returns which chains are not what they are said to be, by their tokens,
	// and calls told with how far it is. It may take long, and is called anew where it
	// was cut short.
	Audit func(ctx context.Context, told func(token string, blocks, of uint64)) (bad map[string]error, err error)
	// Fatal ends the member, and does not return; see ErrDiverged and ErrForgot.
	Fatal  func(error)
	Logger *slog.Logger

	// Every is the least time between two sizes of one chain, so that under
	// load attestations stay a fraction of the work.
	Every time.Duration
	// Patience is how long the leader waits for a majority on one size before
	// it chooses the next.
	Patience time.Duration
	// Look is how often new contracts are looked for.
	Look time.Duration
}

// DefaultConfig is a Config without what only the member knows.
func DefaultConfig() Config {
	return Config{Every: 400 * time.Millisecond, Patience: 5 * time.Second, Look: 200 * time.Millisecond,
		Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
}

// Validate says what is missing in c.
func (c Config) Validate() error {
	switch {
	case c.Member == "" || c.Dir == "" || c.Leads == nil || c.Audit == nil || c.Fatal == nil || c.Now == nil || c.Logger == nil:
		return errors.New("attest: a member, a folder, Leads, Audit, Now, Fatal and a logger are needed")
	case c.Every <= 0 || c.Patience <= 0 || c.Look <= 0:
		return errors.New("attest: every interval must be more than nothing")
	}
	return nil
}

// Attester watches every chain of one member. Run starts one goroutine for handovers, one
// that audits what was restored, one for each chain and one for each chain and witness; they share nothing but turns and what mu
// guards.
type Attester struct {
	cfg   Config
	state State
	log   Log
	turns chan struct{} // a token for each chain that verifies
	// workers is how many goroutines verify in a turn.
	workers int
	keys    *chain.Keys // whose signatures are verified
	pace    pace
	groups  *groups

	// mu guards what follows, which the goroutines of all chains write.
	mu          sync.Mutex
	faults      map[string]error // by token: why it signs nothing now, or never more
	audit       audit            // of a state that was restored
	handoverErr error            // why a handover is not signed by this member
	// Why a witness does not cosign the newest checkpoint; nil: it did.
	witnessErrs map[witnessOf]error
}

// New returns an attester; nothing happens until Run.
func New(cfg Config, s State, l Log) (*Attester, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &Attester{cfg: cfg, state: s, log: l, turns: make(chan struct{}, maxTurns),
		workers: max(1, runtime.GOMAXPROCS(0)/2), // the rest serves requests
		keys:    chain.NewKeys(maxKeys),
		faults:  map[string]error{}, witnessErrs: map[witnessOf]error{}}
	// A member may go back to a release that does not know groups until a level is active that it does
	// not know either.
	a.groups = &groups{parent: cfg.Dir, shared: func() bool { return s.Level().Level >= release.Access }}
	tokens, err := journaled(cfg.Dir)
	for _, token := range append(tokens, a.groups.tokens()...) {
		a.faults[token] = fmt.Errorf("this member has signed checkpoints of %s and has not found that chain yet", token)
	}
	return a, err
}

// Run attests until ctx ends. It returns when all its goroutines have ended.
func (a *Attester) Run(ctx context.Context) {
	var chains sync.WaitGroup
	defer chains.Wait()
	watched := map[string]bool{}
	tick := time.NewTicker(a.cfg.Look)
	defer tick.Stop()
	chains.Go(func() { a.watchHandovers(ctx) })
	chains.Go(func() { a.watchRestored(ctx) })
	for {
		for _, info := range a.state.Contracts() {
			token := info.Contract.Token
			if watched[token] || info.Length == 0 {
				continue
			}
			watched[token] = true
			chains.Go(func() { a.watch(ctx, token) })
			for _, w := range a.cfg.Witnesses {
				chains.Go(func() { a.watchWitness(ctx, token, w) })
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
