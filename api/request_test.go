package api

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

func TestRequestIDIsTheClientsWhereItIsFitForALog(t *testing.T) {
	h := newHandler(t, newFake())
	for given, kept := range map[string]bool{
		"abc-DEF_1.2:3":          true,
		strings.Repeat("a", 64):  true,
		strings.Repeat("a", 65):  false,
		"":                       false,
		"a b":                    false,
		"a\nlevel=error":         false,
		"<script>":               false,
		"\u00e9":                 false,
		"00000000-0000-0000-000": true,
	} {
		got := call(h, "GET", "/livez", "", "X-Request-Id", given).Header().Get("X-Request-Id")
		require.NotEmpty(t, got)
		require.Equal(t, kept, got == given, "%q", given)
	}
	a := call(h, "GET", "/livez", "").Header().Get("X-Request-Id")
	b := call(h, "GET", "/livez", "").Header().Get("X-Request-Id")
	require.NotEqual(t, a, b)
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	h := newHandler(t, newFake())
	requireProblem(t, call(h, "GET", "/nix", ""), 404, "path_unknown", "")
	requireProblem(t, call(h, "GET", "/v1/accounts/", ""), 404, "path_unknown", "")
	requireProblem(t, call(h, "GET", "/v1/accounts/a/b", ""), 404, "path_unknown", "")
	requireProblem(t, call(h, "GET", "/chain/", ""), 404, "path_unknown", "")
	for _, tc := range []struct{ method, path, allow string }{
		{"GET", "/transactions/new", "POST"},
		{"DELETE", "/transactions/new", "POST"},
		{"POST", "/chain", "GET, HEAD"},
		{"PUT", "/mine", "GET, POST"},
		{"GET", "/v1/transactions:batch", "POST"},
		{"GET", "/v1/transactions", "POST"},
		{"DELETE", "/v1/contracts", "GET, HEAD, POST"},
		{"POST", "/v1/blocks/1", "GET, HEAD"},
		{"GET", "/nodes/register", "POST"},
	} {
		rec := call(h, tc.method, tc.path, transferAB)
		requireProblem(t, rec, 405, "method_not_allowed", "")
		require.Equal(t, tc.allow, rec.Header().Get("Allow"), tc.path)
	}
}

// panicking is a reader that breaks.
type panicking struct{ *fake }

func (panicking) Account(string, string) (chain.Account, error) { panic("torn page") }

func TestPanicIsAProblem(t *testing.T) {
	var log bytes.Buffer
	cfg := DefaultConfig()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	f := newFake()
	h, err := New(cfg, f, panicking{f}, f, f)
	require.NoError(t, err)
	h = conforming(t, h)
	rec := call(h, "GET", "/v1/accounts/a", "")
	requireProblem(t, rec, 500, "internal", "Internal error")
	require.Contains(t, log.String(), "torn page")
	require.Equal(t, 200, call(h, "GET", "/livez", "").Code)
}

func TestRequestsAreLoggedAtDebugLevel(t *testing.T) {
	var log bytes.Buffer
	cfg := DefaultConfig()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	call(newHandlerWith(t, cfg, newFake()), "GET", "/chain?from=1", "", "X-Request-Id", "r1")
	require.Contains(t, log.String(), "path=/chain status=200")
	require.Contains(t, log.String(), "request_id=r1")
}

func TestConfigIsValidated(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	for name, spoil := range map[string]func(*Config){
		"no write timeout":     func(c *Config) { c.WriteTimeout = 0 },
		"no chunk timeout":     func(c *Config) { c.ChunkTimeout = -1 },
		"no keep-alive":        func(c *Config) { c.KeepAlive = 0 },
		"no connections":       func(c *Config) { c.Connections = 0 },
		"too many connections": func(c *Config) { c.Connections = MaxConnections + 1 },
		"no logger":            func(c *Config) { c.Logger = nil },
		"no random bytes":      func(c *Config) { c.Random = nil },
	} {
		cfg := DefaultConfig()
		spoil(&cfg)
		_, err := New(cfg, nil, nil, nil, nil)
		require.Error(t, err, name)
	}
	cfg := DefaultConfig()
	cfg.Random = strings.NewReader("ab")
	_, err := New(cfg, nil, nil, nil, nil)
	require.Error(t, err, "random bytes ran out")
}
