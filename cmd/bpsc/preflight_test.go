package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A first start that is refused has written nothing, so that the right one that
// follows finds nothing in its way.
func TestWhatIsRefusedWritesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	busy := taken.Addr().String()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	one := free.Addr().String()
	require.NoError(t, free.Close())
	bad := filepath.Join(t.TempDir(), "contract.json")
	require.NoError(t, os.WriteFile(bad, []byte(`{"token":"gold"}`), 0o600))
	cluster := "n1=127.0.0.1:1,n2=127.0.0.1:2,n3=127.0.0.1:3"
	server := []string{"server", "--id", "n1", "--raft", "127.0.0.1:0", "--cluster", cluster, "--listen", "127.0.0.1:0", "--advertise", "http://a"}
	follow := []string{"follow", "--upstream", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"}
	for name, args := range map[string][]string{
		"an id that is not in the list": append(server, "--id", "n9"),
		"an id that makes no key":       append(server, "--id", "n 1", "--cluster", "n 1=127.0.0.1:1"),
		"an address that is none":       append(server, "--listen", "127.0.0.1:x"),
		"an address of another machine": append(server, "--listen", "192.0.2.1:5000"),
		"an address that is taken":      append(server, "--listen", busy),
		"a raft address that is none":   append(server, "--raft", "127.0.0.1"),
		"a raft address that is taken":  append(server, "--raft", busy),
		"one address for both":          append(server, "--raft", one, "--listen", one),
		"a peer that is none":           append(server, "--cluster", "n1"),
		"a contract that is not there":  append(server, "--contract", "/does/not/exist"),
		"a contract of use to nobody":   append(server, "--contract", bad),
		"witnesses that are not there":  append(server, "--witnesses", "/does/not/exist"),
		"a heartbeat too short":         append(server, "--heartbeat", "1ms"),
		"a secret that is not there":    append(server, "--operator-secret-file", "/does/not/exist"),

		"a follower's address that is taken":   append(follow, "--listen", busy),
		"a follower's policy that is none":     append(follow, "--policy", bad),
		"a follower's pin that is none":        append(follow, "--pin", "aka=1"),
		"a follower's upstream that is none":   append(follow, "--upstream", "nix"),
		"a follower's token that is none":      append(follow, "--bpsc", "A B=http://127.0.0.1:1"),
		"a witness's policy that is none":      {"witness", "--name", "w", "--listen", "127.0.0.1:0", "--policy", bad},
		"a witness's policy that is not there": {"witness", "--name", "w", "--listen", "127.0.0.1:0", "--policy", "/does/not/exist"},
		"a witness's name that makes no key":   {"witness", "key", "--name", "w w"},
		"a witness's URL that leads nowhere":   {"witness", "key", "--name", "w", "--url", "http://0.0.0.0:5500"},
	} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			require.NotZero(t, run(t.Context(), append(args, "--data", data)))
			_, err := os.Stat(data)
			require.ErrorIs(t, err, os.ErrNotExist)
		})
	}
}
