package packages

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
)

// notices is what a supervisor is told. They are read at once, for who tells them waits
// where they are not.
type notices struct {
	t    *testing.T
	told chan string
}

// supervise is a supervisor with a watchdog, whom what is started from now on tells.
func supervise(t *testing.T, watchdog time.Duration) *notices {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	n := &notices{t, make(chan string, 10_000)}
	var reading sync.WaitGroup
	reading.Go(func() {
		message := make([]byte, 4096)
		for {
			length, err := conn.Read(message)
			if err != nil {
				return
			}
			n.told <- string(message[:length])
		}
	})
	t.Cleanup(func() { _ = conn.Close(); reading.Wait() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", fmt.Sprint(watchdog.Microseconds()))
	return n
}

// next is the next notice; empty when none comes within so long.
func (n *notices) next(within time.Duration) string {
	select {
	case message := <-n.told:
		return message
	case <-time.After(within):
		return ""
	}
}

// await reads until there is a notice that holds a text.
func (n *notices) await(text string) {
	n.t.Helper()
	var heard []string
	for {
		message := n.next(limit)
		heard = append(heard, message)
		if strings.Contains(message, text) {
			return
		}
		if message == "" {
			n.t.Fatalf("%q was not told, but %q", text, heard)
		}
	}
}

// A member that waits for a majority is fed; one that stops says so.
func TestAMemberThatWaitsIsAlive(t *testing.T) {
	const watchdog = 300 * time.Millisecond
	n := supervise(t, watchdog)
	c := newCluster(t, 3, build(t, genuine))
	m := c.Members[0]
	require.NoError(t, m.Start())
	require.Equal(t, "STATUS=starts", n.next(limit))
	require.Equal(t, "READY=1", n.next(limit))
	n.await("not ready")
	n.await("waits for n2, n3")
	for range 5 {
		n.await("WATCHDOG=1")
	}
	require.NoError(t, m.Terminate())
	n.await("STOPPING=1")
	code, err := m.AwaitExit(t.Context(), limit)
	require.NoError(t, err)
	require.Zero(t, code)
}

// A member in which raft hangs runs, answers and is not fed; when it was only slow it is
// fed again.
func TestAMemberThatHangsIsNotFed(t *testing.T) {
	hang := filepath.Join(t.TempDir(), "hang")
	t.Setenv("HANG", hang)
	n := supervise(t, 300*time.Millisecond)
	c := newCluster(t, 1, build(t, patched))
	require.NoError(t, c.Start(t.Context()))
	m := c.Members[0]
	n.await("n1 leader, ready")
	n.await("WATCHDOG=1")

	require.NoError(t, harness.Hold(hang))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := c.Submit(ctx, m.URL, harness.Transfer{Sender: "a", Recipient: "b", Amount: "1", Key: "hangs"})
	require.Error(t, err)
	err = harness.Until(t.Context(), limit, "it says so", func(context.Context) error {
		if log := m.LogTail(5); !strings.Contains(log, "no progress") || !strings.Contains(log, "raft's main goroutine") {
			return errors.New(log)
		}
		return nil
	})
	require.NoError(t, err)
	for len(n.told) > 0 { // what was told before that
		<-n.told
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		require.NotContains(t, n.next(time.Until(end)), "WATCHDOG", "it is fed")
	}
	require.NoError(t, harness.Get(t.Context(), http.DefaultClient, m.URL+"/livez", nil), "it answers all the same")
	require.NoError(t, harness.Release(hang))
	n.await("WATCHDOG=1")
}

// systemd ends such a member with all its stacks in the log, and starts it again.
func TestSystemdEndsAMemberThatHangs(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	const hang = "/run/hang"
	m.copy(pack(t, build(t, patched)), "/root/bpsc.deb", 0o644)
	m.run("dpkg", "--no-triggers", "-i", "/root/bpsc.deb")
	m.write("/etc/systemd/system/bpsc-server.service.d/test.conf", "[Service]\nWatchdogSec=3s\nRestartSec=100ms\nEnvironment=HANG="+hang+"\n", 0o644)
	m.shell("systemctl daemon-reload; cp /etc/bpsc/bpsc.example.yaml /etc/bpsc/bpsc.yaml; systemctl start bpsc-server")
	m.await(limit, "bpsc-server", "StatusText", "n1 leader, ")
	m.pay(1)
	m.run("mkfifo", hang)                                            // see harness.Hold
	m.shell("! curl -sS -m 1 http://127.0.0.1:5000/v1/accounts/bob") // what asks the log for something
	m.await(limit, "bpsc-server", "NRestarts", "1")
	m.shell("exec 3<>" + hang + "; rm " + hang) // see harness.Release
	m.await(limit, "bpsc-server", "StatusText", "n1 leader, ")
	m.pay(2)
	log := m.run("journalctl", "--unit", "bpsc-server", "--no-pager", "--output", "cat")
	for _, line := range []string{
		"no progress: the supervisor is going to end this process",
		"Watchdog timeout",
		"SIGABRT: abort",
		"preparedLog).StoreLogs(", // the stack says where it hangs
	} {
		require.True(t, strings.Contains(log, line), "the log has no %q", line)
	}
}

// newCluster lays out a cluster that is gone with the test.
func newCluster(t *testing.T, members int, binary string) *harness.Cluster {
	t.Helper()
	c, err := harness.New(harness.Options{Binary: binary, Dir: t.TempDir(), Members: members})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.KillAll() })
	return c
}
