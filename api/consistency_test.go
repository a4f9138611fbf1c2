package api

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadsSayHowOldTheyAre(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	call(h, "POST", "/mine", "")
	for _, target := range []string{"/chain", "/smart/chain", "/v1/blocks", "/v1/accounts/a",
		"/v1/contracts", "/v1/contracts/aka", "/v1/nodes"} {
		rec := call(h, "GET", target, "")
		require.Equal(t, 200, rec.Code, target)
		require.Equal(t, "2", rec.Header().Get("BPSC-Applied-Index"), target)
		require.Equal(t, "12", rec.Header().Get("BPSC-Last-Contact"), target)
	}
}

func TestReadLevels(t *testing.T) {
	for _, tc := range []struct {
		name, query string
		prepare     func(f *fake)
		status      int
		code        string
		applied     string
	}{
		{"local is what is here", "?consistency=local", func(f *fake) { f.lag = 1 }, 200, "", "0"},
		{"linearizable catches up", "?consistency=linearizable", func(f *fake) { f.lag = 1 }, 200, "", "1"},
		{"linearizable without a majority", "?consistency=linearizable", func(f *fake) { f.stuck = true }, 503, "behind", ""},
		{"leader on the leader", "?consistency=leader", func(*fake) {}, 200, "", "1"},
		{"leader elsewhere", "?consistency=leader", func(f *fake) { f.follower = true }, 503, "not_leader", ""},
		{"index that is here", "?min_index=1", func(f *fake) { f.stuck = true }, 200, "", "1"},
		{"index that comes", "?min_index=1", func(f *fake) { f.lag = 1 }, 200, "", "1"},
		{"index that does not come", "?min_index=99", func(*fake) {}, 503, "behind", ""},
		{"both", "?min_index=1&consistency=linearizable", func(f *fake) { f.lag = 1 }, 200, "", "1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake()
			tc.prepare(f)
			rec := call(newHandler(t, f), "GET", "/v1/nodes"+tc.query, "")
			if tc.status != 200 {
				p := requireProblem(t, rec, tc.status, tc.code, "")
				require.True(t, p.Retryable)
				require.Equal(t, "1", rec.Header().Get("Retry-After"))
				return
			}
			require.Equal(t, 200, rec.Code, rec.Body.String())
			require.Equal(t, tc.applied, rec.Header().Get("BPSC-Applied-Index"))
		})
	}
}

func TestReadsWaitForABlock(t *testing.T) {
	f := newFake()
	for name, h := range map[string]http.Handler{"member": newHandler(t, f), "follower": newFollower(t, f, newFakeNode())} {
		t.Run(name, func(t *testing.T) {
			waiting := make(chan struct{})
			r := signalling{fake: f, waiting: waiting}
			cfg := DefaultConfig()
			cfg.ReadTimeout = time.Minute
			waits, err := New(cfg, f, r, f, f)
			if name == "follower" {
				n := newFakeNode()
				waits, err = NewFollower(cfg, r, n, n, n, f)
			}
			require.NoError(t, err)
			waits = conforming(t, waits)
			next := len(f.chains[0].blocks) + 1
			answer := make(chan string)
			go func() { answer <- call(waits, "GET", fmt.Sprintf("/chain?min_block=%d", next), "").Body.String() }()
			<-waiting
			_, err = f.Produce(t.Context(), "aka")
			require.NoError(t, err)
			require.Contains(t, <-answer, fmt.Sprintf(`"length": %d}`, next))

			require.Equal(t, 200, call(h, "GET", fmt.Sprintf("/v1/contracts/aka?min_block=%d", next), "").Code)
			requireProblem(t, call(h, "GET", "/v1/contracts/nix?min_block=1", ""), 404, "contract_unknown", "")
			requireProblem(t, call(h, "GET", "/chain?min_block=0", ""), 400, "invalid_field", "")
		})
	}
}

func TestReadThatWaitedForABlockInVainIsBehind(t *testing.T) {
	cfg := DefaultConfig()
	cfg.ReadTimeout = time.Millisecond
	f, n := newFake(), newFakeNode()
	follower, err := NewFollower(cfg, f, n, n, n, f)
	require.NoError(t, err)
	follower = conforming(t, follower)
	for _, h := range []http.Handler{newHandlerWith(t, cfg, f), follower} {
		rec := call(h, "GET", "/v1/accounts/a?min_block=2", "")
		require.True(t, requireProblem(t, rec, 503, "behind", "").Retryable)
		require.Equal(t, "1", rec.Header().Get("Retry-After"))
	}
}

func TestNotLeaderNamesTheLeader(t *testing.T) {
	f := newFake()
	f.follower = true
	rec := call(newHandler(t, f), "GET", "/chain?consistency=leader", "")
	requireProblem(t, rec, 503, "not_leader", "The leader is n1")
}
