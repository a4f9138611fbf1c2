package chainsync

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/durable"
)

func TestConfigSaysWhatIsWrong(t *testing.T) {
	good := func() Config {
		return testConfig("dir", Source{Token: "aka", Upstreams: []string{"http://a", "https://b/path"}}, Source{Upstreams: []string{"http://a"}})
	}
	require.NoError(t, good().Validate())
	for _, c := range []struct {
		name  string
		spoil func(*Config)
		says  string
	}{
		{"no source", func(c *Config) { c.Sources = nil }, "no source"},
		{"no upstream", func(c *Config) { c.Sources[0].Upstreams = nil }, "1 to 64 upstreams"},
		{"too many upstreams", func(c *Config) { c.Sources[0].Upstreams = make([]string, 65) }, "1 to 64 upstreams"},
		{"no URL", func(c *Config) { c.Sources[0].Upstreams[0] = "a:5000" }, "not an http URL"},
		{"a URL with a query", func(c *Config) { c.Sources[0].Upstreams[0] = "http://a?x=1" }, "not an http URL"},
		{"an upstream twice", func(c *Config) { c.Sources[0].Upstreams[1] = "http://a/" }, "listed twice"},
		{"a token twice", func(c *Config) { c.Sources[1].Token = "aka" }, "two sources"},
		{"a bad token", func(c *Config) { c.Sources[0].Token = "../aka" }, "not a token"},
		{"no evidence", func(c *Config) { c.Evidence = "" }, "where to write"},
		{"no known", func(c *Config) { c.Known = "" }, "where to write"},
		{"no time-out", func(c *Config) { c.HeaderTimeout = 0 }, "timeout"},
		{"too long a poll", func(c *Config) { c.PollWait = time.Minute }, "at most 30s"},
		{"no interval", func(c *Config) { c.CompareEvery = 0 }, "interval"},
		{"pauses the wrong way round", func(c *Config) { c.RetryMax = c.RetryMin - 1 }, "pauses"},
		{"no folder for checkpoints", func(c *Config) { c.Checkpoints = "" }, "where to write"},
		{"checkpoints without a pause", func(c *Config) { c.CheckpointMin = 0 }, "pauses"},
		{"no memory", func(c *Config) { c.Memory = 0 }, "Memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := good()
			c.spoil(&cfg)
			require.ErrorContains(t, cfg.Validate(), c.says)
			_, err := New(cfg, &memory{})
			require.Error(t, err)
		})
	}
}

func TestADamagedListOfContractsIsNotBelieved(t *testing.T) {
	cfg := testConfig(t.TempDir(), Source{Upstreams: []string{"http://a"}})
	require.NoError(t, os.WriteFile(cfg.Known, []byte(`[{"token":"aka"}]`), 0o600))
	_, err := New(cfg, &memory{})
	require.ErrorIs(t, err, durable.ErrSeal)
}

func TestDefaultTokenIsThatOfTheFirstSource(t *testing.T) {
	cfg := testConfig(t.TempDir(), Source{Token: "aka", Upstreams: []string{"http://a"}})
	f, err := New(cfg, &memory{})
	require.NoError(t, err)
	token, ok := f.DefaultToken()
	require.True(t, ok)
	require.Equal(t, "aka", token)

	cfg = testConfig(t.TempDir(), Source{Upstreams: []string{"http://a"}}, Source{Token: "aka", Upstreams: []string{"http://a"}})
	f, err = New(cfg, &memory{})
	require.NoError(t, err)
	_, ok = f.DefaultToken()
	require.False(t, ok)
}
