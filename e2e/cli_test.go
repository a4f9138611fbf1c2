package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// The exit codes, as documented: scripts depend on them.
const (
	exitOK           = 0
	exitUsage        = 2
	exitNotFound     = 3
	exitRejected     = 4
	exitInvalid      = 5
	exitUnauthorised = 6
	exitUnavailable  = 7
)

// bpsc runs a client command and returns what it prints to stdout; what it
// prints to stderr is for people.
func bpsc(t *testing.T, code int, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, harness.Environ()
	err := cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("bpsc %s: exit code %d, want %d (%v)\n%s%s", strings.Join(args, " "), got, code, err, &stdout, &stderr)
	}
	if code != exitOK && stderr.Len() == 0 {
		t.Errorf("bpsc %s says nothing about why", strings.Join(args, " "))
	}
	return stdout.String()
}

// bpscJSON runs a client command with -o json and reads the first value that
// it prints; a chain is printed as a block a line.
func bpscJSON(t *testing.T, into any, args ...string) {
	t.Helper()
	out := bpsc(t, exitOK, append(args, "-o", "json")...)
	if err := json.NewDecoder(strings.NewReader(out)).Decode(into); err != nil {
		t.Errorf("bpsc %s: %v in %q", strings.Join(args, " "), err, out)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{})
	var urls []string
	for _, m := range c.Members {
		urls = append(urls, m.URL)
	}
	server := "--server=" + strings.Join(urls, ",")

	send := []string{"send", server, "--from", "alice", "--to", "bob", "--amount", "12.5", "--memo", "lunch", "--key", "k1"}
	var sent, again harness.Ack
	bpscJSON(t, &sent, send...)
	bpscJSON(t, &again, send...)
	if sent.Status != "final" || sent.Block != 2 || sent.ID != again.ID {
		t.Errorf("sent %+v, again %+v", sent, again)
	}
	var mined struct{ Index int }
	if bpscJSON(t, &mined, "mine", server); mined.Index != 2 {
		t.Errorf("mined %+v", mined)
	}
	for _, args := range [][]string{{"chain"}, {"block", "2"}, {"account", "bob"}, {"cluster", "status"}, {"chain", "verify"}} {
		args = append(args, server)
		if bpsc(t, exitOK, args...) == "" {
			t.Errorf("bpsc %s prints nothing", args)
		}
		var parsed any
		bpscJSON(t, &parsed, args...)
	}
	expect(t, bpsc(t, exitOK, "chain", server), `(?s)1 .*\n.*2 `)
	expect(t, bpsc(t, exitOK, "account", "bob", server), `12\.499375`)
	expect(t, bpsc(t, exitOK, "cluster", "status", server), `n1(.|\n)*n2(.|\n)*n3`)
	expect(t, bpsc(t, exitOK, "version"), `bpsc`)

	bpsc(t, exitUsage, "send", server, "--from", "alice")
	bpsc(t, exitUsage, "fly")
	bpsc(t, exitUsage, "block", server)
	bpsc(t, exitUsage, "version", "surplus")
	bpsc(t, exitUsage, "server", "--id", "n1")
	bpsc(t, exitNotFound, "block", "99", server)
	bpsc(t, exitRejected, "send", server, "--from", "alice", "--to", "bob", "--amount", "13", "--key", "k1")
	bpsc(t, exitInvalid, "chain", "verify", "--server", forger(t, c.Members[0]))

	// One member is enough to read.
	for _, m := range c.Members[:2] {
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	bpsc(t, exitOK, "chain", "verify", server)
	if err := c.KillAll(); err != nil {
		t.Fatal(err)
	}
	bpsc(t, exitUnavailable, "chain", server, "--timeout", "2s")
	bpsc(t, exitUnavailable, "send", server, "--from", "alice", "--to", "bob", "--amount", "1", "--timeout", "3s")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	verifyCluster(t, c, "")
}

// forger is a server that passes everything on but one digit of a block.
func forger(t *testing.T, m *harness.Member) string {
	t.Helper()
	target, err := url.Parse(m.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(resp *http.Response) error {
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		body = bytes.ReplaceAll(body, []byte(`"amount_send": 12.5`), []byte(`"amount_send": 13.5`))
		resp.Body = io.NopCloser(bytes.NewReader(body))
		resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}
