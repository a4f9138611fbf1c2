package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// Clients get the files that the cluster's own work leaves, and no more.
func TestMoreClientsThanFiles(t *testing.T) {
	c := startLaidOut(t, harness.Options{Args: []string{"--heartbeat", "1s"}}, func(p *harness.Process) { p.Files = 1_280 }) // members keep some for nine of them
	f, err := harness.NewFollower(harness.FollowerOptions{Binary: binary, Dir: t.TempDir(), ID: "f1", Upstreams: c.URLs()})
	if err != nil {
		t.Fatal(err)
	}
	f.Files = 1_024
	t.Cleanup(func() { _ = f.Kill() })
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	if err := f.AwaitReady(t.Context(), patience); err != nil {
		t.Fatal(err)
	}
	nodes := []*harness.Process{&f.Process}
	for _, m := range c.Members {
		nodes = append(nodes, &m.Process)
	}
	for _, node := range nodes {
		served, refused := 0, 0
		var conns []net.Conn
		for range 1_100 {
			conn := dial(t, node.URL)
			conns = append(conns, conn)
			say(conn, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
		for i, conn := range conns {
			head := make([]byte, 1<<10)
			_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			n, err := io.ReadAtLeast(conn, head, 100)
			switch head := head[:n]; {
			case err != nil:
				t.Fatalf("client %d of %s gets no answer: %v", i, node.ID, err)
			case bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")):
				served++
			case bytes.HasPrefix(head, []byte("HTTP/1.1 503 ")) && bytes.Contains(head, []byte("Retry-After: ")):
				refused++
			default:
				t.Fatalf("client %d of %s: %s", i, node.ID, head)
			}
		}
		t.Logf("%s serves %d and tells %d to come again", node.ID, served, refused)
		if served < 100 || refused == 0 {
			t.Errorf("%s serves %d of 1100", node.ID, served)
		}
	}
	for _, node := range nodes {
		mustTransfer(t, node.URL)
		// Whoever watches gets in also when all places are taken.
		for range 1_000 {
			dial(t, node.URL)
		}
		for _, path := range []string{"/livez", "/readyz", "/metrics"} {
			if a := call(t, "GET", node.URL+path, ""); a.status != http.StatusOK {
				t.Errorf("%s%s: %d", node.ID, path, a.status)
			}
		}
	}
	for _, node := range nodes {
		if !node.Alive() {
			t.Errorf("%s has ended", node.ID)
		}
	}
}

// servers are one process of each kind that serves.
func servers(t *testing.T, change func(*harness.Process)) (c *harness.Cluster, all []*harness.Process) {
	t.Helper()
	c = startLaidOut(t, harness.Options{Members: 1}, change)
	f, err := harness.NewFollower(harness.FollowerOptions{Binary: binary, Dir: t.TempDir(), ID: "f1", Upstreams: c.URLs()})
	if err != nil {
		t.Fatal(err)
	}
	change(&f.Process)
	t.Cleanup(func() { _ = f.Kill() })
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	if err := f.AwaitReady(t.Context(), patience); err != nil {
		t.Fatal(err)
	}
	w, err := harness.NewWitness(t.Context(), binary, t.TempDir(), "w1")
	if err != nil {
		t.Fatal(err)
	}
	policy := call(t, "GET", c.Members[0].URL+"/v1/policy", "")
	if err := os.WriteFile(w.Policy, policy.body, 0o600); err != nil {
		t.Fatal(err)
	}
	change(&w.Process)
	t.Cleanup(func() { _ = w.Kill() })
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	if err := w.AwaitLive(t.Context(), patience); err != nil {
		t.Fatal(err)
	}
	return c, []*harness.Process{&c.Members[0].Process, &f.Process, &w.Process}
}

// alive asks a process of any kind.
func alive(ctx context.Context, p *harness.Process) error {
	if !p.Alive() {
		return harness.Permanent(fmt.Errorf("%s has ended", p.ID))
	}
	return harness.Get(ctx, client, p.URL+"/livez", nil)
}

// Nobody who reads a log, or does not, ends a process or holds it up.
func TestReaderOfTheLogGoesAway(t *testing.T) {
	t.Parallel() // most of it waits
	for _, reads := range []string{"dies", "hangs"} {
		t.Run(reads, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Close(); _ = w.Close() }()
			if reads == "dies" {
				go func() { // until all is up
					_, _ = io.Copy(io.Discard, r)
				}()
			}
			c, all := servers(t, func(p *harness.Process) { p.Output = w })
			if reads == "dies" {
				err = r.Close()
			} else {
				err = fillPipe(w)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range all {
				for range 20 { // lines of the log
					if err := p.Signal(syscall.SIGHUP); err != nil {
						t.Fatal(err)
					}
				}
			}
			for range 5 {
				mustTransfer(t, c.Members[0].URL)
				if a := call(t, "POST", c.Members[0].URL+"/mine", ""); a.status != http.StatusOK {
					t.Fatal(a)
				}
			}
			for _, p := range all {
				if err := alive(t.Context(), p); err != nil {
					t.Error(err)
				}
			}
			for _, p := range all {
				mustStop(t, p, 0)
			}
		})
	}
}

// fillPipe writes to a pipe until there is no room.
func fillPipe(w *os.File) error {
	fd := int(w.Fd())
	if err := syscall.SetNonblock(fd, true); err != nil {
		return err
	}
	for {
		if _, err := syscall.Write(fd, make([]byte, 1)); err != nil {
			return syscall.SetNonblock(fd, false)
		}
	}
}

func TestSignalsThatEndNothing(t *testing.T) {
	t.Parallel() // most of it waits
	c, all := servers(t, func(*harness.Process) {})
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGWINCH, syscall.SIGXCPU} {
		for _, p := range all {
			if err := p.Signal(s); err != nil {
				t.Fatal(err)
			}
			if err := alive(t.Context(), p); err != nil {
				t.Errorf("%v: %v", s, err)
			}
		}
	}
	mustTransfer(t, c.Members[0].URL)
	for i, p := range all {
		err := harness.Until(t.Context(), patience, p.ID+" notes SIGHUP", func(context.Context) error {
			if !strings.Contains(p.LogTail(1_000), "SIGHUP") {
				return fmt.Errorf("it does not")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		// Supervisors send SIGTERM more than once. SIGINT comes alone: two signals sent one after the
		// other may be seen in the other order, and SIGINT after another one ends a process at once.
		s := []os.Signal{syscall.SIGTERM, os.Interrupt, syscall.SIGTERM}[i]
		if err := p.Signal(s); err != nil {
			t.Fatal(err)
		}
		if s == os.Interrupt {
			mustHaveStopped(t, p, 0)
		} else {
			mustStop(t, p, 0)
		}
	}
}

// mustStop asks a process to stop.
func mustStop(t *testing.T, p *harness.Process, want int) {
	t.Helper()
	if err := p.Terminate(); err != nil {
		t.Fatal(err)
	}
	mustHaveStopped(t, p, want)
}

// mustHaveStopped waits for a process that was told to stop, which has eight seconds.
func mustHaveStopped(t *testing.T, p *harness.Process, want int) {
	t.Helper()
	began := time.Now()
	code, err := p.AwaitExit(t.Context(), 20*time.Second)
	took := time.Since(began)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s stopped within %s", p.ID, took.Round(time.Millisecond))
	if code != want || took > 8*time.Second {
		t.Errorf("%s stopped with exit code %d after %s", p.ID, code, took.Round(time.Millisecond))
	}
}

// Whatever clients and upstreams do, a process stops in time.
func TestStopInTime(t *testing.T) {
	c, all := servers(t, func(*harness.Process) {})
	forgeLargeBlocks(t, c.Members[0].URL, 3)
	chain := call(t, "GET", c.Members[0].URL+"/chain", "")
	t.Logf("the chain has %d MiB", len(chain.body)>>20)
	for _, p := range all {
		for _, request := range []string{
			"GET /chain HTTP/1.1\r\nHost: localhost\r\n\r\n", // and does not read it
			"GET /v1/events?from=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
			"GET /v1/blocks/3 HTTP/1.1\r\nHost: localhost\r\n\r\n",
			"GET /smart/chain?from=1000&wait=30s HTTP/1.1\r\nHost: localhost\r\n\r\n",
			"POST /v1/transactions:batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{",
			"POST /add-checkpoint HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nold",
			"GET /livez HTTP/1.1\r\nHost: localhost\r\n", // half a header
			"",
		} {
			say(dial(t, p.URL), "%s", request)
		}
		if err := alive(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	for i := range all {
		mustStop(t, all[len(all)-1-i], 0)
	}
}

// A member stops in time also when the others are not there to help, and a
// follower whose upstream hangs.
func TestStopAlone(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{})
	f := follow(t, "f1", c.URLs()...)
	for _, m := range c.Members[1:] {
		if err := m.Pause(); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		say(dial(t, c.Members[0].URL), "POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(oneTransfer), oneTransfer)
		say(dial(t, c.Members[0].URL), "GET /v1/accounts/a?consistency=linearizable HTTP/1.1\r\nHost: localhost\r\n\r\n")
		say(dial(t, f.URL), "POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(oneTransfer), oneTransfer)
	}
	mustStop(t, &f.Process, 0)
	mustStop(t, &c.Members[0].Process, 0)
	// One that has just begun, and waits for the others.
	if err := c.Members[0].Start(); err != nil {
		t.Fatal(err)
	}
	err := harness.Until(t.Context(), patience, "it runs", func(ctx context.Context) error { return alive(ctx, &c.Members[0].Process) })
	if err != nil {
		t.Fatal(err)
	}
	mustStop(t, &c.Members[0].Process, 0)
}

// A start may take long, and is over at once when it is not wanted any more.
func TestStopWhileStarting(t *testing.T) {
	dir := t.TempDir()
	c, err := harness.New(harness.Options{Binary: binary, Dir: dir, Members: 1})
	if err != nil {
		t.Fatal(err)
	}
	contract := filepath.Join(dir, "contract.json")
	if err := errors.Join(os.Remove(contract), syscall.Mkfifo(contract, 0o600)); err != nil {
		t.Fatal(err)
	}
	m := c.Members[0]
	t.Cleanup(func() { _ = m.Kill() })
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	// Opened once it is there to read; then it waits for what never comes.
	w, err := os.OpenFile(contract, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	mustStop(t, &m.Process, 0)
}
