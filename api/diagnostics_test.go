package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

type fakeDiagnosis struct{}

func (fakeDiagnosis) Diagnose() Diagnostics {
	return Diagnostics{ID: "n1", Kind: "member", Settings: map[string]string{"operator-secret": "set"}}
}

func (fakeDiagnosis) RecentLog() []byte { return []byte("level=INFO msg=one\n") }

func TestDiagnosticsAreTheOperators(t *testing.T) {
	const secret = "the secret of the operator"
	f := newFake()
	cfg := DefaultConfig()
	cfg.Diagnostics, cfg.OperatorSecret = fakeDiagnosis{}, secret
	member := newHandlerWith(t, cfg, f)
	n := newFakeNode()
	follower, err := NewFollower(cfg, f, n, n, n, f)
	require.NoError(t, err)
	follower = conforming(t, follower)
	for _, h := range []http.Handler{member, follower} {
		for _, path := range []string{"/v1/diagnostics", "/v1/diagnostics/log", "/v1/diagnostics/goroutines"} {
			requireProblem(t, call(h, "GET", path, ""), 401, "token_required", "")
			requireProblem(t, call(h, "GET", path, "", "Authorization", "Bearer guess"), 401, "token_invalid", "")
			rec := call(h, "GET", path, "", "Authorization", "Bearer "+secret)
			require.Equal(t, 200, rec.Code, path)
			require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
			require.NotContains(t, rec.Body.String(), secret)
			requireProblem(t, call(h, "GET", path+"?token=aka", "", "Authorization", "Bearer "+secret), 400, "invalid_field", "")
		}
		as := []string{"Authorization", "Bearer " + secret}
		var d Diagnostics
		require.NoError(t, json.Unmarshal(call(h, "GET", "/v1/diagnostics", "", as...).Body.Bytes(), &d))
		require.Equal(t, "set", d.Settings["operator-secret"])
		require.NotNil(t, d.Chains)
		require.Equal(t, "level=INFO msg=one\n", call(h, "GET", "/v1/diagnostics/log", "", as...).Body.String())
		require.Contains(t, call(h, "GET", "/v1/diagnostics/goroutines", "", as...).Body.String(), "api.TestDiagnosticsAreTheOperators")
	}
	requireProblem(t, call(newHandler(t, f), "GET", "/v1/diagnostics", ""), 404, "path_unknown", "")
}
