package chainsync

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/protocol"
)

// upstream serves chains over real HTTP, honestly where nothing else is set.
type upstream struct {
	*httptest.Server
	t testing.TB

	mu     sync.Mutex // guards all below
	grown  chan struct{}
	order  []string
	chains map[string][][]byte
	asked  map[string]int // requests by path, and by from of a range
	notes  map[string][]byte
	policy []byte
	later  *proof.History // shown as those that came after
	page   int            // how many handovers it puts into one answer
	log    [][]byte       // whose tiles it shows, if not those of its chain

	// What it does wrong, if anything; set before it is asked.
	line   func(index uint64, honest []byte) []byte                                // instead of a block
	stream func(w http.ResponseWriter, r *http.Request, from uint64) (served bool) // instead of an answer of blocks
	claim  func(length uint64) uint64                                              // instead of the length of its chain
	all    func(w http.ResponseWriter, r *http.Request) (served bool)              // instead of any answer
}

// serve starts an upstream that has the given chains.
func serve(t testing.TB, c *cluster, tokens ...string) *upstream {
	t.Helper()
	u := newUpstream(t)
	for _, token := range tokens {
		u.put(token, c.blocks(token))
	}
	return u
}

func newUpstream(t testing.TB) *upstream {
	u := &upstream{t: t, grown: make(chan struct{}), chains: map[string][][]byte{}, asked: map[string]int{}, notes: map[string][]byte{}, page: handoversAnAnswer}
	u.Server = httptest.NewServer(u)
	t.Cleanup(func() {
		u.CloseClientConnections()
		u.Close()
	})
	return u
}

// put makes the chain what is given.
func (u *upstream) put(token string, blocks [][]byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.chains[token]; !known {
		u.order = append(u.order, token)
	}
	u.chains[token] = blocks
	close(u.grown)
	u.grown = make(chan struct{})
}

// look returns a chain, and what is closed when it grows.
func (u *upstream) look(token string) (blocks [][]byte, grown chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.chains[token], u.grown
}

func (u *upstream) count(what string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.asked[what]
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	token := query.Get("contract")
	from, _ := strconv.ParseUint(query.Get("from"), 10, 64)
	limit, _ := strconv.ParseUint(query.Get("limit"), 10, 64)
	wait, _ := time.ParseDuration(query.Get("wait"))
	u.mu.Lock()
	u.asked[r.URL.Path]++
	if from > 0 && r.URL.Path == "/smart/chain" {
		u.asked[fmt.Sprint(from)]++
	}
	u.mu.Unlock()
	switch {
	case u.all != nil && u.all(w, r):
	case u.signed(w, r):
	case r.URL.Path != "/smart/chain":
		u.contracts(w, r)
	case u.stream != nil && u.stream(w, r, from):
	default:
		u.lines(w, r, token, from, limit, wait)
	}
}

func (u *upstream) contracts(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if r.URL.Path != "/v1/contracts" {
		token := r.URL.Path[len("/v1/contracts/"):]
		blocks, _ := u.look(token)
		if blocks == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, u.info(token, blocks))
		return
	}
	_, _ = io.WriteString(w, `{"items":[`)
	u.mu.Lock()
	order := u.order
	u.mu.Unlock()
	for i, token := range order {
		if i > 0 {
			_, _ = io.WriteString(w, ",")
		}
		blocks, _ := u.look(token)
		_, _ = io.WriteString(w, u.info(token, blocks))
	}
	_, _ = io.WriteString(w, "]}\n")
}

func (u *upstream) info(token string, blocks [][]byte) string {
	genesis, err := chain.DecodeBlock(blocks[0], 0)
	require.NoError(u.t, err)
	contract, err := genesis.Contract.MarshalJSON()
	require.NoError(u.t, err)
	length := uint64(len(blocks))
	if u.claim != nil {
		length = u.claim(length)
	}
	return fmt.Sprintf(`{"token":%q,"contract":%s,"chain_id":"%s","length":%d}`, token, contract, chain.HashBytes(blocks[0]), length)
}

func (u *upstream) lines(w http.ResponseWriter, r *http.Request, token string, from, limit uint64, wait time.Duration) {
	blocks, grown := u.look(token)
	deadline := time.After(wait)
	for waiting := wait > 0; waiting && from > uint64(len(blocks)); {
		select {
		case <-grown:
		case <-deadline:
			waiting = false
		case <-r.Context().Done():
			return
		}
		blocks, grown = u.look(token)
	}
	length := uint64(len(blocks))
	w.Header().Set("Content-Type", typeLines)
	if from+limit-1 > length {
		w.Header().Set(protocol.ChainLength, fmt.Sprint(length))
	}
	for i := from; i <= min(from+limit-1, length); i++ {
		line := blocks[i-1]
		if u.line != nil {
			line = u.line(i, line)
		}
		_, _ = w.Write(append(append([]byte(nil), line...), '\n'))
	}
}
