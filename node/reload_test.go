package node

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/admission"
)

// ask asks a node under a name, with a token if there is one.
func ask(t *testing.T, n interface{ Handler() http.Handler }, path, host, token string) (status int, body string) {
	t.Helper()
	s := httptest.NewServer(n.Handler())
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
	require.NoError(t, err)
	r.Host = host
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

func TestAccessIsReloaded(t *testing.T) {
	const first, second = "first-root-token-4711", "second-root-token-4711"
	cfg := configs(t, 1)[0]
	cfg.OperatorSecret = first
	m := start(t, cfg)
	ready(t, m.WaitReady)
	asks := func(host, token string) int {
		status, _ := ask(t, m, "/v1/diagnostics", host, token)
		return status
	}
	require.Equal(t, http.StatusOK, asks("localhost", first))
	require.NotEqual(t, http.StatusOK, asks("ledger.example", first))

	next := cfg
	next.AllowHost, next.OperatorSecret = []string{"ledger.example"}, second
	next.Edge.PerAddress = admission.Limit{Every: 1, Burst: 77}
	require.NoError(t, m.Reload(next))
	require.Equal(t, http.StatusOK, asks("ledger.example", second))
	require.Equal(t, http.StatusUnauthorized, asks("ledger.example", first), "the secret before is none any more")
	_, text := ask(t, m, "/v1/diagnostics", "localhost", second)
	require.Contains(t, text, "ledger.example", "the operator sees what counts now")
	require.Contains(t, text, `:77"`)
	require.NotContains(t, text, second)

	for name, spoil := range map[string]func(c *MemberConfig){
		"a host that is none":    func(c *MemberConfig) { c.AllowHost = []string{"http://a"} },
		"a secret too short":     func(c *MemberConfig) { c.OperatorSecret = "short" },
		"a heartbeat of nothing": func(c *MemberConfig) { c.Heartbeat = 0 },
		"an operator for anyone": func(c *MemberConfig) { c.Anonymous = []string{"operate"} },
	} {
		broken := cfg
		spoil(&broken)
		require.ErrorIs(t, m.Reload(broken), ErrUsage, name)
		require.Equal(t, http.StatusOK, asks("ledger.example", second), "%s: all stays as it is", name)
	}
}

// Where one part refuses none takes anything.
func TestReloadIsAllOrNothing(t *testing.T) {
	taken, refusal := 0, error(nil)
	s := &service{}
	s.reloads(func(*Common, *Access) (func(), error) { return func() { taken++ }, nil })
	s.reloads(func(*Common, *Access) (func(), error) { return func() { taken++ }, refusal })
	s.reloads(func(*Common, *Access) (func(), error) { return func() { taken++ }, nil })
	require.NoError(t, s.reload(nil, nil))
	require.Equal(t, 3, taken)
	refusal = errors.New("a file is broken")
	err := s.reload(nil, nil)
	require.ErrorIs(t, err, ErrUsage)
	require.ErrorContains(t, err, "a file is broken")
	require.Equal(t, 3, taken)
}
