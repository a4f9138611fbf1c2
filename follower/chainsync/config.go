package chainsync

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/keepsake"
)

// Source is where chains come from: members of one cluster, or other
// followers of it.
type Source struct {
	// Token names the contract. "" means every contract that the upstreams
	// list, looked up again now and then.
	Token string
	// Upstreams are base URLs, tried in this order.
	Upstreams []string
}

// Config is what a follower can be told. Start from DefaultConfig.
type Config struct {
	// Sources are the chains to follow and where to get them; at least one.
	Sources []Source
	// Pins are the hashes that genesis blocks must have, by token. Of a contract
	// without one the first genesis block that verifies is taken, and no other
	// ever after.
	Pins map[string]chain.Hash
	// Policies say whose checkpoints count, each with those that came after it, as
	// far as they are known. A chain goes by the one that names it in a line `log`,
	// else by the only one without such lines. The chain's id in that line is a pin
	// too.
	Policies []*proof.History
	// AcceptRecovery are the hashes of handovers by which a cluster that had lost
	// its majority went on, and which whoever runs this node has looked into. They
	// are remembered in PolicyDir.
	AcceptRecovery []chain.Hash
	// FirstUse are the tokens for which whatever an upstream shows first is
	// believed, though policies or pins are given that do not cover them. Without
	// policies and pins that is so for every token.
	FirstUse []string
	// PolicyDir is the folder for the policies of chains that are given none:
	// the first that an upstream shows is kept, as <token>.policy, and never
	// another; and for those that came after the first, as <token>.history. ""
	// means that chains that are given none are followed without checkpoints.
	PolicyDir string
	// Checkpoints is the folder for the newest verified checkpoint of each chain.
	Checkpoints string
	// Evidence is the folder for what upstreams served and should not have.
	// While a file is in it the node is not ready: whoever has looked at it
	// moves it away.
	Evidence string
	// Known is the file that remembers which contracts were found where, so
	// that a restart without upstreams knows them.
	Known string
	// Kept is told which files there are from now on that no upstream has; nil where
	// nobody is to know of one that is lost.
	Kept *keepsake.List
	// Strict makes Run end as soon as there is evidence. Otherwise it goes on
	// with the other upstreams.
	Strict bool

	// DialTimeout is how long a connection may take, HeaderTimeout the
	// beginning of an answer (in addition to what a long poll waits).
	DialTimeout   time.Duration
	HeaderTimeout time.Duration
	// Grace is how long an answer may pause, MinRate the bytes a second that
	// it must come with when that is used up.
	Grace   time.Duration
	MinRate int

	// PollWait is how long an upstream is asked to wait for the next block;
	// at most 30 s, which is what servers allow.
	PollWait time.Duration
	// CompareEvery is how often every other upstream is asked how long its
	// chain is, and whether it is the same. It bounds how long an upstream can
	// hide new blocks unnoticed.
	CompareEvery time.Duration
	// CheckpointMin and CheckpointMax bound the pause between two requests for
	// a chain's newest checkpoint: CheckpointMin after a block came, doubling
	// while none comes that covers it. Every other upstream is asked about each
	// CompareEvery.
	CheckpointMin, CheckpointMax time.Duration
	// DiscoverEvery is how often sources without a token are asked for new
	// contracts.
	DiscoverEvery time.Duration

	// RetryMin and RetryMax bound the pause after an upstream was down or
	// behind: up to RetryMin at first, doubling, drawn at random so that many
	// followers do not come back at one moment.
	RetryMin, RetryMax time.Duration
	// AsideMin and AsideMax bound how long an upstream that lied is not asked
	// again: AsideMin at first, doubling.
	AsideMin, AsideMax time.Duration

	// SyncEvery is how often the ledger is made durable while far behind.
	SyncEvery time.Duration
	// Parallel is how many ranges are fetched and checked side by side, over
	// all chains, besides the one that each chain waits for.
	Parallel int
	// Memory bounds the bytes of blocks fetched and not yet stored, over all
	// chains; each chain may go one block above it. Decoded they take several
	// times as much.
	Memory int

	// TLS is for upstreams with https; nil: the system's roots.
	TLS *tls.Config
	// Token is what requests to upstreams carry, where nobody on the way reads it.
	Token string
	// Logger gets refusals and evidence; slog.Default() when nil.
	Logger *slog.Logger
	// Now is the time that stands in evidence and status; time.Now when nil.
	Now func() time.Time

	transport http.RoundTripper // instead of the network; tests set it
	world     Surroundings
}

// DefaultConfig is a Config for upstreams anywhere on the internet; the caller
// fills in Sources, Evidence, Known and Checkpoints.
func DefaultConfig() Config {
	return Config{
		DialTimeout: 3 * time.Second, HeaderTimeout: 10 * time.Second,
		Grace: 10 * time.Second, MinRate: 16 << 10,
		PollWait: 30 * time.Second, CompareEvery: 5 * time.Second, DiscoverEvery: 10 * time.Second,
		CheckpointMin: 300 * time.Millisecond, CheckpointMax: 5 * time.Second,
		RetryMin: 100 * time.Millisecond, RetryMax: 5 * time.Second,
		AsideMin: time.Minute, AsideMax: time.Hour,
		SyncEvery: time.Second,
		Parallel:  max(4, runtime.GOMAXPROCS(0)), Memory: 64 << 20,
	}
}

// Validate says what is wrong with c.
func (c Config) Validate() error {
	switch {
	case len(c.Sources) == 0:
		return errors.New("follower: no source is given")
	case c.Evidence == "" || c.Known == "" || c.Checkpoints == "":
		return errors.New("follower: Evidence, Known and Checkpoints must say where to write")
	case c.DialTimeout <= 0 || c.HeaderTimeout <= 0 || c.Grace <= 0 || c.PollWait <= 0:
		return errors.New("follower: every timeout must be more than nothing")
	case c.PollWait > 30*time.Second:
		return errors.New("follower: PollWait must be at most 30s, which is what servers allow")
	case c.CompareEvery <= 0 || c.DiscoverEvery <= 0 || c.SyncEvery <= 0:
		return errors.New("follower: every interval must be more than nothing")
	case c.RetryMin <= 0 || c.RetryMax < c.RetryMin || c.AsideMin <= 0 || c.AsideMax < c.AsideMin,
		c.CheckpointMin <= 0 || c.CheckpointMax < c.CheckpointMin:
		return errors.New("follower: pauses must be more than nothing, the largest at least the smallest")
	case c.MinRate <= 0 || c.Parallel <= 0 || c.Memory <= 0:
		return errors.New("follower: MinRate, Parallel and Memory must be more than nothing")
	}
	if err := c.validatePolicies(); err != nil {
		return err
	}
	tokens := map[string]bool{}
	for _, s := range c.Sources {
		if err := s.validate(); err != nil {
			return err
		}
		switch {
		case s.Token == "":
		case tokens[s.Token]:
			return fmt.Errorf("follower: contract %q has two sources: give one with all upstreams", s.Token)
		case !c.trusts(s.Token):
			return fmt.Errorf("follower: %w: %q", errNotTrusted, s.Token)
		}
		tokens[s.Token] = true
	}
	return nil
}

func (s Source) validate() error {
	switch {
	case len(s.Upstreams) == 0 || len(s.Upstreams) > maxUpstreams:
		return fmt.Errorf("follower: a source has 1 to %d upstreams", maxUpstreams)
	}
	if s.Token != "" {
		c := chain.DefaultContract()
		c.Token, c.BPSC = s.Token, chain.BPSCAddress(s.Token)
		if err := c.Validate(); err != nil {
			return fmt.Errorf("follower: %q is not a token: %w", s.Token, err)
		}
	}
	seen := map[string]bool{}
	for _, text := range s.Upstreams {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
			return fmt.Errorf("follower: %q is not an http URL", text)
		}
		if base := baseURL(text); seen[base] {
			return fmt.Errorf("follower: upstream %s is listed twice", base)
		} else {
			seen[base] = true
		}
	}
	return nil
}

// baseURL is an upstream's URL as paths are put behind it.
func baseURL(text string) string { return strings.TrimRight(text, "/") }

func baseURLs(texts []string) []string {
	urls := make([]string, len(texts))
	for i, text := range texts {
		urls[i] = baseURL(text)
	}
	return urls
}
