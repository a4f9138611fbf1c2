package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// configFrom loads the configuration of a command line.
func configFrom(t *testing.T, args ...string) (serverConfig, error) {
	t.Helper()
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	serverFlags(flags)
	require.NoError(t, flags.Parse(args))
	return loadConfig(flags)
}

func writeConfig(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "bpsc.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const threeMembers = "n1=127.0.0.1:6000,n2=127.0.0.1:6010,n3=127.0.0.1:6020"

func TestAFlagWinsOverAVariableWinsOverTheFile(t *testing.T) {
	path := writeConfig(t, "id: n1\ndata: from-file\nlisten: 127.0.0.1:1\nheartbeat: 300ms\ncluster: "+threeMembers+"\n")
	t.Setenv("BPSC_LISTEN", "127.0.0.1:2")
	t.Setenv("BPSC_HEARTBEAT", "200ms")
	t.Setenv("BPSC_LOG_LEVEL", "warn")
	t.Setenv("BPSC_SOMETHING_ELSE", "is not a setting of a server")
	c, err := configFrom(t, "--config", path, "--heartbeat", "100ms")
	require.NoError(t, err)
	require.Equal(t, serverConfig{ID: "n1", Data: "from-file", Listen: "127.0.0.1:2", Advertise: "http://127.0.0.1:2",
		Cluster: threeMembers, Heartbeat: 100 * time.Millisecond,
		logConfig: logConfig{LogLevel: "warn", LogFormat: "text"}}, c)
	cc, err := c.clusterConfig()
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:6000", cc.Bind, "without --raft it is the member's own address")
	require.Len(t, cc.Peers, 3)
}

func TestConfigurationIsRefused(t *testing.T) {
	good := []string{"--id", "n1", "--data", "d", "--cluster", threeMembers}
	for name, args := range map[string][]string{
		"no id":              {"--data", "d", "--cluster", threeMembers},
		"no data":            {"--id", "n1", "--cluster", threeMembers},
		"no cluster":         {"--id", "n1", "--data", "d"},
		"a peer without id":  {"--id", "n1", "--data", "d", "--cluster", "127.0.0.1:6000"},
		"no heartbeat":       append(good, "--heartbeat", "0s"),
		"an unknown level":   append(good, "--log-level", "loud"),
		"an unknown format":  append(good, "--log-format", "xml"),
		"an address no URL":  append(good, "--advertise", "127.0.0.1:5000"),
		"a file that is not": append(good, "--config", "/does/not/exist.yaml"),
		"an unknown key":     append(good, "--config", writeConfig(t, "idd: n1\n")),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := configFrom(t, args...)
			require.ErrorIs(t, err, errUsage)
		})
	}
}
