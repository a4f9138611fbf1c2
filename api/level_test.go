package api

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/release"
)

// ActivateLevel knows levels up to 2, and all of its members do.
func (f *fake) ActivateLevel(_ context.Context, level release.Level, dryRun bool) (Activation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := Activation{Before: 1, Level: level, Release: "0.2.0", DryRun: dryRun, Members: []MemberLevel{{ID: "n1", Version: "0.2.0", LevelSupported: 2}}}
	switch {
	case f.err != nil:
		return a, f.err
	case level > 2:
		return a, fmt.Errorf("%w: level %d", chain.LevelUnsupported, level)
	case level == 0:
		a.Level = 2
	}
	if !dryRun {
		f.writes++
		a.AppliedIndex = 7
	}
	return a, nil
}

func TestActivateLevel(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	const path = "/v1/cluster:activate"
	for body, writes := range map[string]int{`{"level":2,"dry_run":true}`: 0, `{"level":2}`: 1, `{}`: 1, ``: 1} {
		f.writes = 0
		rec := call(h, "POST", path, body)
		require.Equal(t, 200, rec.Code, rec.Body)
		require.Contains(t, rec.Body.String(), `"level":2`, body)
		require.Contains(t, rec.Body.String(), `"release":"0.2.0"`, body)
		require.Equal(t, writes, f.writes, body)
	}
	f.writes = 0
	for _, body := range []string{`{"level":2,"dry-run":true}`, `{"level":-1}`, `{"level":"2"}`, `{"level":2}{}`, `[]`, `{`} {
		requireProblem(t, call(h, "POST", path, body), http.StatusBadRequest, "invalid_json", "")
	}
	requireProblem(t, call(h, "POST", path, `{"level":3}`), http.StatusConflict, "level_unsupported", "level 3")
	requireProblem(t, from(h, "192.0.2.7:1", "POST", path, `{}`), http.StatusUnauthorized, "token_required", "")
	requireProblem(t, call(h, "POST", path, `{}`, "Origin", "http://evil.example"), http.StatusForbidden, "origin_foreign", "")
	require.Zero(t, f.writes)
}
