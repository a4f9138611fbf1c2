package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
)

// The walk of nodes_v1: nodes that cannot produce.
func TestTutorialNodeUpdatesItsChain(t *testing.T) {
	f, n := newFake(), newFakeNode()
	n.pull = func(context.Context) error { // what the BPSC has
		_, err := f.Produce(t.Context(), "aka")
		return err
	}
	h := newFollower(t, f, n)
	genesis := string(f.chains[0].blocks[0])
	require.Equal(t, `{"chain": [`+genesis+`], "length": 1}`+"\n", call(h, "GET", "/chain", "").Body.String())

	rec := call(h, "GET", "/smart/chain", "")
	require.Equal(t, http.StatusOK, rec.Code)
	require.Equal(t, `{"message": "Smart chain update by bpsc", "smart chain": [`+genesis+", "+string(f.chains[0].blocks[1])+
		`], "length": 2}`+"\n", rec.Body.String())

	rec = call(h, "POST", "/nodes/register", `{"nodes":["http://127.0.0.1:5002","127.0.0.1:5001"]}`)
	require.Equal(t, http.StatusCreated, rec.Code)
	require.JSONEq(t, `{"message":"New nodes have been added","total_nodes":["127.0.0.1:5001","127.0.0.1:5002"]}`, rec.Body.String())
	requireProblem(t, call(h, "POST", "/nodes/register", `{}`), 400, "node_invalid", "Error: Please supply a valid list of nodes")
}

func TestTutorialNodeWithoutAnUpstreamShowsItsOldChain(t *testing.T) {
	for name, pull := range map[string]func(context.Context) error{
		"none answers":            func(context.Context) error { return fmt.Errorf("%w: connection refused", outcome.NoUpstream) },
		"one sends a false block": func(context.Context) error { return fmt.Errorf("%w: block 2", chain.ErrInvalid) },
		"it takes too long":       func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			f, n := newFake(), newFakeNode()
			n.pull = pull
			cfg := DefaultConfig()
			cfg.ReadTimeout = time.Millisecond
			h, err := NewFollower(cfg, f, n, n, n, f)
			require.NoError(t, err)
			h = conforming(t, h)
			rec := call(h, "GET", "/smart/chain", "")
			require.Equal(t, http.StatusOK, rec.Code)
			require.Equal(t, `{"message": "Unsuccessful: Please try again", "old chain": [`+string(f.chains[0].blocks[0])+
				`], "length": 1}`+"\n", rec.Body.String())
			require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
			require.Empty(t, rec.Header().Get("ETag"))
		})
	}
	n := newFakeNode()
	n.pull = func(context.Context) error { return errors.New("disk: input/output error") }
	requireProblem(t, call(newFollower(t, newFake(), n), "GET", "/smart/chain", ""), 500, "internal", "")
}

func TestFollowerServesFollowersWithoutAskingUpstream(t *testing.T) {
	f, n := newFake(), newFakeNode()
	h := newFollower(t, f, n)
	for _, query := range []string{"", "?from=2&wait=1ms"} {
		require.Equal(t, 200, call(h, "GET", "/smart/chain"+query, "", "Accept", "application/x-ndjson").Code)
	}
	require.Zero(t, n.pulled)
}

// The walk of nodes_v2: a second chain of one's own.
func TestTutorialNodeHasAChainOfItsOwn(t *testing.T) {
	n := newFakeNode()
	h := newFollower(t, newFake(), n)
	rec := call(h, "POST", "/information/new", `{"information":{"name":"x","n":[1,2]}}`)
	require.Equal(t, http.StatusCreated, rec.Code)
	require.JSONEq(t, `{"message":"information will be added to Block 2"}`, rec.Body.String())
	requireProblem(t, call(h, "POST", "/information/new", `{"x":1}`), 400, "missing_values", "Missing values")

	rec = call(h, "GET", "/mine", "")
	require.Equal(t, http.StatusOK, rec.Code)
	require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
	require.JSONEq(t, `{"index2":2,"information":[{"information":{"n":[1,2],"name":"x"}}],"message":"New Block Forged","previous_hash":"`+
		chain.HashBytes(n.blocks[0]).String()+`"}`, rec.Body.String())
	require.Contains(t, call(h, "POST", "/mine", "").Body.String(), `"index2":3,"information":[]`)

	rec = call(h, "GET", "/chain2", "")
	require.Equal(t, `{"chain2": [`+string(n.blocks[0])+", "+string(n.blocks[1])+", "+string(n.blocks[2])+`], "length": 3}`+"\n", rec.Body.String())
	rec = call(h, "GET", "/chain2?from=2&limit=1", "")
	require.Equal(t, `{"chain2": [`+string(n.blocks[1])+`], "length": 3}`+"\n", rec.Body.String())
	require.Equal(t, `{"chain2": [], "length": 3}`+"\n", call(h, "GET", "/chain2?from=4", "").Body.String())
}

func TestBadInformationIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"not JSON":           {`information`, 400, "invalid_json"},
		"a list":             {`[]`, 400, "invalid_field"},
		"a key twice":        {`{"information":{"a":1,"a":2}}`, 400, "invalid_json"},
		"lone surrogate":     {`{"information":"\ud800"}`, 400, "invalid_utf8"},
		"too deep to be in":  {`{"information":` + nested(63) + `}`, 201, ""},
		"too deep in itself": {`{"information":` + nested(64) + `}`, 400, "invalid_json"},
		"too large":          {`{"information":"` + string(make([]byte, maxBody)) + `"}`, 413, "body_too_large"},
		"null":               {`{"information":null}`, 201, ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := newFakeNode()
			rec := call(newFollower(t, newFake(), n), "POST", "/information/new", tc.body)
			require.Equal(t, tc.status, rec.Code, rec.Body.String())
			if tc.status != http.StatusCreated {
				requireProblem(t, rec, tc.status, tc.code, "")
				require.Empty(t, n.pending)
			}
		})
	}
}

// nested is a list in a list in a list …
func nested(depth int) string {
	text := make([]byte, 0, 2*depth)
	for range depth {
		text = append(text, '[')
	}
	for range depth {
		text = append(text, ']')
	}
	return string(text)
}

func TestPersonalBlockThatIsFullSaysWhatToDo(t *testing.T) {
	h := newFollower(t, newFake(), newFakeNode())
	for range 3 {
		require.Equal(t, 201, call(h, "POST", "/information/new", `{"information":1}`).Code)
	}
	requireProblem(t, call(h, "POST", "/information/new", `{"information":1}`), 422, "personal_full", "Forge the block first: GET /mine")
	require.Equal(t, 200, call(h, "GET", "/mine", "").Code)
	require.Equal(t, 201, call(h, "POST", "/information/new", `{"information":1}`).Code)
}

func TestFollowerProducesNoBlockOfTheBPSC(t *testing.T) {
	f := newFake()
	h := newFollower(t, f, newFakeNode())
	call(h, "GET", "/mine", "")
	call(h, "POST", "/mine?contract=aka", "")
	requireProblem(t, call(h, "POST", "/v1/contracts", `{"token":"usd","wallets":"open"}`), 404, "not_here", "")
	requireProblem(t, call(h, "GET", "/v1/cluster", ""), 404, "not_here", "")
	requireProblem(t, call(h, "GET", "/v1/cluster/events", ""), 404, "not_here", "")
	require.Len(t, f.chains[0].blocks, 1)
	require.Zero(t, f.writes)
}

func TestFollowerAnswersReadsAsAMember(t *testing.T) {
	f := newFake()
	member := newHandler(t, f)
	h := newFollower(t, f, newFakeNode())
	call(member, "POST", "/v1/transactions", transferAB, "Idempotency-Key", "k1")
	call(member, "POST", "/mine", "")
	for _, target := range []string{"/chain", "/v1/blocks", "/v1/blocks/2", "/v1/contracts", "/v1/contracts/aka", "/v1/nodes",
		"/chain?consistency=local"} {
		want, got := call(member, "GET", target, ""), call(h, "GET", target, "")
		require.Equal(t, want.Code, got.Code, target)
		require.Equal(t, want.Body.String(), got.Body.String(), target)
		require.Empty(t, got.Header().Get("Bpsc-Applied-Index"), target)
		if target != "/v1/blocks/2" {
			require.Equal(t, "34", got.Header().Get("Bpsc-Last-Contact"), target)
		}
	}
	// An index of this node's own would mean something else to a member.
	for _, target := range []string{"/v1/accounts/wallet-a", "/v1/transactions/" + chain.DeriveID([]byte("k1")).String()} {
		require.Contains(t, call(member, "GET", target, "").Body.String(), "applied_index", target)
		rec := call(h, "GET", target, "")
		require.Equal(t, 200, rec.Code, target)
		require.NotContains(t, rec.Body.String(), "applied_index", target)
	}
}

func TestFollowerPromisesNoMoreThanItHas(t *testing.T) {
	h := newFollower(t, newFake(), newFakeNode())
	for _, query := range []string{"consistency=leader", "consistency=linearizable", "consistency=x", "min_index=1"} {
		requireProblem(t, call(h, "GET", "/chain?"+query, ""), 400, "invalid_field", "")
	}
}

func TestFollowerHealth(t *testing.T) {
	n := newFakeNode()
	h := newFollower(t, newFake(), n)
	require.Equal(t, "ok\n", call(h, "GET", "/livez", "").Body.String())
	require.Equal(t, "ok\n", call(h, "GET", "/readyz", "").Body.String())
	require.Equal(t, "[+]follower ok\n[ ]last contact 34ms ago\n[+]contract aka\n", call(h, "GET", "/readyz?verbose", "").Body.String())
	n.unready = errors.New("no upstream for 30 s")
	rec := call(h, "GET", "/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, rec.Code)
	require.Equal(t, "no upstream for 30 s\n", rec.Body.String())
	require.Equal(t, http.StatusOK, call(h, "GET", "/livez", "").Code)
}

// What a node says of its chains is its own matter (chainsync.Report).
func TestSyncStatus(t *testing.T) {
	n := newFakeNode()
	h := newFollower(t, newFake(), n)
	n.status = map[string]any{"version": "v", "chains": []string{}}
	rec := call(h, "GET", "/v1/sync", "")
	require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
	require.JSONEq(t, `{"version":"v","chains":[]}`, rec.Body.String())
}

func TestMetricsAreServedWhereThereAreSome(t *testing.T) {
	require.Equal(t, 404, call(newHandler(t, newFake()), "GET", "/metrics", "").Code)
	cfg := DefaultConfig()
	cfg.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("blocks 7\n")) })
	require.Equal(t, "blocks 7\n", call(newHandlerWith(t, cfg, newFake()), "GET", "/metrics", "").Body.String())
}
