package serve

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/settings"
	"github.com/bpsc/bpsc/node"
)

// configFrom loads the configuration of a command line.
func configFrom(t *testing.T, args ...string) (node.MemberConfig, error) {
	t.Helper()
	c := node.DefaultMemberConfig()
	logs := &logConfig{}
	err := load(t, memberSettings(&c, logs), args...)
	if err == nil {
		err = logs.Validate()
	}
	if err == nil {
		err = usage(c.Validate())
	}
	return c, err
}

// usage is what a node makes of a configuration that it refuses.
func usage(err error) error {
	if err != nil {
		err = fmt.Errorf("%w: %w", cli.ErrUsage, err)
	}
	return err
}

func load(t *testing.T, table settings.Table, args ...string) error {
	t.Helper()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	table.Flags(flags)
	require.NoError(t, flags.Parse(args))
	if _, err := table.Load(flags); err != nil {
		return err
	}
	return table.Read()
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
	c, logs := node.DefaultMemberConfig(), &logConfig{}
	require.NoError(t, load(t, memberSettings(&c, logs), "--config", path, "--heartbeat", "100ms"))
	want := node.DefaultMemberConfig()
	want.Data, want.Listen, want.ID, want.Heartbeat = "from-file", "127.0.0.1:2", "n1", 100*time.Millisecond
	want.Peers = []roster.Peer{{ID: "n1", Addr: "127.0.0.1:6000"}, {ID: "n2", Addr: "127.0.0.1:6010"}, {ID: "n3", Addr: "127.0.0.1:6020"}}
	require.Equal(t, want, c)
	require.Equal(t, logConfig{level: "warn", format: "text"}, *logs)
}

func TestConfigurationIsRefused(t *testing.T) {
	good := []string{"--id", "n1", "--data", "d", "--cluster", threeMembers}
	for name, args := range map[string][]string{
		"no id":                  {"--data", "d", "--cluster", threeMembers},
		"no data":                {"--id", "n1", "--cluster", threeMembers},
		"no cluster":             {"--id", "n1", "--data", "d"},
		"a peer without id":      {"--id", "n1", "--data", "d", "--cluster", "127.0.0.1:6000"},
		"a reserve without end":  append(good, "--min-free", "100%"),
		"no heartbeat":           append(good, "--heartbeat", "0s"),
		"an unknown level":       append(good, "--log-level", "loud"),
		"an unknown format":      append(good, "--log-format", "xml"),
		"an address no URL":      append(good, "--advertise", "127.0.0.1:5000"),
		"a file that is not":     append(good, "--config", "/does/not/exist.yaml"),
		"an unknown key":         append(good, "--config", writeConfig(t, "idd: n1\n")),
		"an id not in the list":  {"--id", "n4", "--data", "d", "--cluster", threeMembers},
		"a member twice":         {"--id", "n1", "--data", "d", "--cluster", "n1=a:1,n1=b:2"},
		"an address with more":   append(good, "--advertise", "http://a.example/?x"),
		"a user in an address":   append(good, "--advertise", "http://u:p@a.example"),
		"a member on 0":          {"--id", "n1", "--data", "d", "--cluster", "n1=a:1,n2=0:2"},
		"a member's odd port":    {"--id", "n1", "--data", "d", "--cluster", "n1=a:1,n2=b:65536"},
		"a member everywhere":    {"--id", "n1", "--data", "d", "--cluster", "n1=0.0.0.0:1,n2=b:2"},
		"a member on [::]":       {"--id", "n1", "--data", "d", "--cluster", "n1=a:1,n2=[::]:2"},
		"no port":                append(good, "--listen", "127.0.0.1"),
		"a raft without port":    append(good, "--raft", "127.0.0.1"),
		"a short secret":         append(good, "--operator-secret-file", writeConfig(t, "short\n")),
		"a secret that is not":   append(good, "--operator-secret-file", "/does/not/exist"),
		"an origin with a path":  append(good, "--allow-origin", "https://a.example/"),
		"an origin no URL":       append(good, "--allow-origin", "a.example"),
		"a rate that is none":    append(good, "--rate-per-address", "100/s"),
		"a network that is none": append(good, "--unlimited-network", "10.0.0.0/33"),
		"a host with a port":     append(good, "--allow-host", "a.example:80"),
		"anybody operates":       append(good, "--anonymous", "read,operate"),
		"anybody does what":      append(good, "--anonymous", "write"),
		"none and more":          append(good, "--anonymous", "none,read"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := configFrom(t, args...)
			require.ErrorIs(t, err, cli.ErrUsage)
		})
	}
}

// An address to listen on is none to connect to: who listens everywhere says
// where it is reached.
func TestWhatListensEverywhereSaysWhereItIs(t *testing.T) {
	good := []string{"--id", "n1", "--data", "d", "--cluster", threeMembers, "--insecure"}
	everywhere := []string{"0.0.0.0:5000", ":5000", "[::]:5000", "[::ffff:0.0.0.0]:5000", "0:5000", "127.0.0.1:0", "[::%lo]:5000", "127.0.0.1:65536"}
	for _, listen := range everywhere {
		_, err := configFrom(t, append(good, "--listen", listen)...)
		require.ErrorIs(t, err, cli.ErrUsage, listen)
		require.ErrorContains(t, err, "--listen "+listen)
		require.ErrorContains(t, err, "--advertise")
		c, err := configFrom(t, append(good, "--listen", listen, "--advertise", "http://n1.example:5000")...)
		require.NoError(t, err)
		require.Equal(t, "http://n1.example:5000", c.Advertise)
		_, err = configFrom(t, append(good, "--advertise", "http://"+strings.Replace(listen, "%", "%25", 1))...)
		require.ErrorContains(t, err, "--advertise http://")

		line := fmt.Sprintf("witness w bpsc-witness-w+1b6c8c4d+AUFb http://%s\n", listen)
		_, err = cli.ReadWitnesses(writeConfig(t, line))
		require.ErrorContains(t, err, "URL of w", line)
	}
	_, err := configFrom(t, append(good, "--raft", "0.0.0.0:6000")...)
	require.NoError(t, err, "the others know this member's address from --cluster")
}

// A value that cannot be read is not taken for none, and the message names the
// key that the user wrote.
func TestABadValueIsBlamedOnItsOwnKey(t *testing.T) {
	good := []string{"--id", "n1", "--data", "d", "--cluster", threeMembers}
	for text, says := range map[string]string{
		"heartbeat: soon\n":             `heartbeat: "soon" is not a duration`,
		"heartbeat: 150\n":              `heartbeat: 150 is not a duration`,
		"heartbeat:\n":                  `heartbeat: <nil> is not a duration`,
		"witness-quorum: most\n":        `witness-quorum: "most" is not a whole number`,
		"witness-quorum: 1.5\n":         `witness-quorum: 1.5 is not a whole number`,
		"witnesses: [a, b]\n":           `witnesses: [a b] is not a text`,
		"log-level: {a: b}\n":           `unknown setting`,
		"listen: 5000\n":                `listen: 5000 is not a text`,
		"allow-host: [1]\n":             `allow-host: 1 is not a text`,
		"allow-host: true\n":            `allow-host: true is neither a text nor a list`,
		"listen: \"foo\"\n":             `--listen "foo" is not host:port`,
		"heartbeat: 1s\nheartbeat: [\n": "bpsc.yaml",
	} {
		path := writeConfig(t, text)
		_, err := configFrom(t, append(good, "--config", path)...)
		require.ErrorIs(t, err, cli.ErrUsage, text)
		require.ErrorContains(t, err, says)
	}
	for variable, says := range map[string][2]string{
		"BPSC_HEARTBEAT":      {"1", `BPSC_HEARTBEAT: "1" is not a duration`},
		"BPSC_WITNESS_QUORUM": {"x", `BPSC_WITNESS_QUORUM: "x" is not a whole number`},
		"BPSC_LISTEN":         {"foo", `--listen "foo" is not host:port`},
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, says[0])
			_, err := configFrom(t, good...)
			require.ErrorIs(t, err, cli.ErrUsage)
			require.ErrorContains(t, err, says[1])
		})
	}
	t.Setenv("BPSC_STRICT", "perhaps")
	follow := func(args ...string) error {
		c := node.DefaultFollowerConfig()
		if err := load(t, followerSettings(&c, &logConfig{}), append(args, "--data", "d")...); err != nil {
			return err
		}
		return usage(c.Validate())
	}
	require.ErrorContains(t, follow("--upstream", "http://a"), `BPSC_STRICT: "perhaps" is neither true nor false`)
	t.Setenv("BPSC_STRICT", "true")
	for _, setting := range []string{"--upstream=localhost:5000", "--bpsc=aka=localhost:5000"} {
		name, _, _ := strings.Cut(setting, "=")
		require.ErrorContains(t, follow(setting), name+`: "localhost:5000" is not an http URL`)
	}
}

func TestRatesAreSet(t *testing.T) {
	c, logs := node.DefaultMemberConfig(), &logConfig{}
	path := writeConfig(t, "unlimited-network: [10.0.0.0/8, '::1']\nrate-per-token: '50'\n")
	t.Setenv("BPSC_RATE_PER_ADDRESS", "2:5")
	require.NoError(t, load(t, memberSettings(&c, logs), "--config", path, "--id", "n1", "--data", "d", "--cluster", threeMembers))
	require.Equal(t, "2:5", c.Edge.PerAddress.String())
	require.Equal(t, "50:500", c.Edge.PerToken.String())
	require.Len(t, c.Edge.Unlimited, 2)

	c = node.DefaultMemberConfig()
	require.NoError(t, load(t, memberSettings(&c, logs), "--rate-per-address", "0", "--unlimited-network", "none", "--id", "n1", "--data", "d", "--cluster", threeMembers))
	require.Empty(t, c.Edge.Unlimited)
	require.Equal(t, "0", c.Edge.PerAddress.String())
}
