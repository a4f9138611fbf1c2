package api

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// lagging is a replica that has nothing yet of what f has, until somebody waits.
type lagging struct {
	*fake
	behind bool
}

func (l *lagging) AppliedIndex() uint64 {
	if l.behind {
		return 0
	}
	return l.fake.AppliedIndex()
}

func (l *lagging) Transaction(token string, id chain.ID) (chain.Outcome, error) {
	if l.behind {
		return chain.Outcome{}, chain.NotFound
	}
	return l.fake.Transaction(token, id)
}

func (l *lagging) Block(token string, index uint64) ([]byte, chain.Hash, error) {
	if l.behind && index > 1 {
		return nil, chain.Hash{}, chain.NotFound
	}
	return l.fake.Block(token, index)
}

func (l *lagging) Account(string, string) (chain.Account, error) {
	if l.behind {
		return chain.Account{}, nil
	}
	return chain.Account{Records: 7}, nil
}

// lazy is a member that catches up when it is waited for.
type lazy struct {
	*fake
	replica *lagging
}

func (l lazy) Barrier(ctx context.Context) error { return l.WaitApplied(ctx, l.applied) }

func (l lazy) WaitApplied(ctx context.Context, index uint64) error {
	err := l.fake.WaitApplied(ctx, index)
	l.replica.behind = l.replica.behind && err != nil
	return err
}

// A member that does not lead answers for an id, and for balances, from the
// moment it has answered for the write.
func TestWhatAMemberAnsweredForIsThere(t *testing.T) {
	for _, query := range []string{"", "?consistency=local"} {
		f := newFake()
		r := &lagging{fake: f, behind: true}
		h, err := New(DefaultConfig(), f, r, lazy{f, r}, f)
		require.NoError(t, err)
		h = conforming(t, h)
		rec := call(h, "POST", "/v1/transactions", transferAB)
		require.Equal(t, 201, rec.Code)
		require.Equal(t, "2", rec.Header().Get(protocol.MinBlock))
		r.behind = true
		require.Equal(t, 200, call(h, "GET", rec.Header().Get("Location")+query, "").Code, query)
	}

	f := newFake()
	r := &lagging{fake: f, behind: true}
	h, err := New(DefaultConfig(), f, r, lazy{f, r}, f)
	require.NoError(t, err)
	h = conforming(t, h)
	require.Equal(t, 201, call(h, "POST", "/v1/transactions", transferAB).Code)
	r.behind = true
	require.Contains(t, call(h, "GET", "/v1/accounts/b?consistency=local", "").Body.String(), `"records":0`)
	require.Contains(t, call(h, "GET", "/v1/accounts/b", "").Body.String(), `"records":7`)

	// A receipt is read as it is here, but its record is not unknown for being
	// known elsewhere only.
	f = newFake()
	there := call(newHandler(t, f), "POST", "/v1/transactions", transferAB).Header().Get("Location")
	r = &lagging{fake: f, behind: true}
	h, err = New(DefaultConfig(), f, r, lazy{f, r}, f) // has answered for nothing yet
	require.NoError(t, err)
	h = conforming(t, h)
	requireProblem(t, call(h, "GET", there+"/receipt?consistency=local", ""), 404, "not_found", "")
	requireProblem(t, call(h, "GET", there+"/receipt", ""), 503, "receipt_not_ready", "")
	f.stuck, r.behind = true, true
	requireProblem(t, call(h, "GET", there+"/receipt", ""), 503, "behind", "")
	f.stuck = false

	// Nor is a block that another member has answered for.
	rec := call(newHandler(t, f), "POST", "/mine", "")
	require.Equal(t, "2", rec.Header().Get(protocol.MinBlock))
	r.behind = true
	requireProblem(t, call(h, "GET", "/v1/blocks/2?consistency=local", ""), 404, "not_found", "")
	require.Equal(t, 200, call(h, "GET", "/v1/blocks/2", "").Code)
	requireProblem(t, call(h, "GET", "/v1/blocks/3", ""), 404, "not_found", "")

	// An id that nobody has ever sent is unknown.
	r.behind = true
	requireProblem(t, call(h, "GET", "/v1/transactions/"+chain.Hash{7}.String(), ""), 404, "not_found", "")
}

// Which reads are of the newest state unless somebody asks for less.
func TestReadsOfStateAreLinearizable(t *testing.T) {
	f := newFake()
	f.stuck = true // no barrier gets through
	h := newHandler(t, f)
	id := chain.Hash{7}.String()
	for target, status := range map[string]int{"/v1/accounts/a": 200, "/v1/accounts/a/transactions": 200, "/v1/transactions/" + id: 404, "/v1/holds/" + id: 404} {
		p := requireProblem(t, call(h, "GET", target, ""), 503, "behind", "")
		require.Contains(t, p.Detail, "consistency=local")
		require.Equal(t, status, call(h, "GET", target+"?consistency=local", "").Code, target)
	}
	for _, target := range []string{"/chain", "/smart/chain", "/v1/blocks", "/v1/blocks/1", "/v1/contracts", "/v1/contracts/aka", "/v1/nodes"} {
		require.Equal(t, 200, call(h, "GET", target, "").Code, target)
	}
}

// A follower has what is in blocks. Of anything else it says what a member says,
// and when none can be asked, that it does not know: never that it is unknown.
func TestAFollowerNeverCallsUnknownWhatAMemberHas(t *testing.T) {
	members := newFake()
	n := newFakeNode()
	n.upstream = newHandler(t, members)
	h := newFollower(t, newFake(), n) // it has the genesis block, and will not hear more
	rec := call(h, "POST", "/v1/transactions", transferAB, protocol.IdempotencyKey, "k1")
	require.Equal(t, 201, rec.Code)
	require.Equal(t, "2", rec.Header().Get(protocol.MinBlock))
	there := rec.Header().Get("Location")
	got := call(h, "GET", there, "", protocol.IdempotencyKey, "k1")
	require.Equal(t, 200, got.Code, got.Body)
	require.Contains(t, got.Body.String(), `"in_block":false`)
	require.Equal(t, "true", got.Header().Get(protocol.Relayed))
	q := n.relayed[len(n.relayed)-1]
	require.True(t, q.Read)
	require.Equal(t, members.hash(1), q.Chain)

	nobody := "/v1/transactions/" + chain.Hash{7}.String()
	requireProblem(t, call(h, "GET", nobody, ""), 404, "not_found", "")
	n.relayErr = fmt.Errorf("%w: connection refused", outcome.NoUpstream)
	p := requireProblem(t, call(h, "GET", nobody, ""), 503, "no_upstream", "")
	require.True(t, p.Retryable)
	requireProblem(t, call(h, "GET", there, ""), 503, "no_upstream", "")
}

// What an answer to a write suggests is honoured as it comes back: by waiting on
// a follower, and on a member by being up to date.
func TestTheSuggestedBlockCanBeSentBack(t *testing.T) {
	cfg := DefaultConfig()
	cfg.ReadTimeout = 1
	f, n := newFake(), newFakeNode()
	follower, err := NewFollower(cfg, f, n, n, n, f)
	require.NoError(t, err)
	follower = conforming(t, follower)
	for name, h := range map[string]http.Handler{"follower": follower, "member": newHandler(t, f)} {
		require.Equal(t, 200, call(h, "GET", "/v1/accounts/a", "", protocol.MinBlock, "1").Code, name)
		requireProblem(t, call(h, "GET", "/v1/accounts/a", "", protocol.MinBlock, "x"), 400, "invalid_field", "")
	}
	requireProblem(t, call(follower, "GET", "/v1/accounts/a", "", protocol.MinBlock, "2"), 503, "behind", "")
	require.Equal(t, 200, call(newHandler(t, f), "GET", "/v1/accounts/a", "", protocol.MinBlock, "2").Code, "a record is there before its block")
	requireProblem(t, call(newHandlerWith(t, cfg, f), "GET", "/v1/accounts/a?consistency=local", "", protocol.MinBlock, "2"), 503, "behind", "")
}
