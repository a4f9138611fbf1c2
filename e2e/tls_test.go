package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// What bpsc init makes is a cluster: three members over TLS, a follower and commands that
// trust its authority. Who does not, or speaks plain HTTP, is told why.
func TestWhatInitMakesRuns(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{TLS: true})
	authorities := []string{"--cacert", c.TLS.Authorities()}
	args := func(more ...string) []string {
		return append(more, append(authorities, "-s", strings.Join(c.URLs(), ","))...)
	}
	bpsc(t, exitOK, args("send", "--from", "alice", "--to", "bob", "--amount", "7", "--key", "k")...)
	if status := bpsc(t, exitOK, args("cluster", "status")...); strings.Count(status, "https://127.0.0.1:") != 3 {
		t.Errorf("the members do not go by https:\n%s", status)
	}
	f, err := harness.NewFollower(harness.FollowerOptions{Binary: binary, Dir: t.TempDir(), ID: "f", Upstreams: c.URLs(), Args: authorities})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Kill() })
	if err := errors.Join(f.Start(), f.AwaitReady(t.Context(), 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Submit(t.Context(), f.URL, harness.Transfer{Sender: "bob", Recipient: "carol", Amount: "1", Key: "relayed"}); err != nil {
		t.Errorf("through the follower: %v", err)
	}
	bpsc(t, exitOK, append(authorities, "backup", "create", t.TempDir(), "--operator-secret-file", c.TLS.RootToken(), "--from", c.URLs()[1])...)

	bpsc(t, exitUnavailable, "account", "bob", "-s", c.URLs()[0], "--timeout", "1s")
	resp, err := http.Get("http" + strings.TrimPrefix(c.URLs()[0], "https") + "/v1/contracts")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), `"code":"tls_required"`) {
		t.Errorf("plain HTTP: %d %s, %v", resp.StatusCode, text, err)
	}
	before, err := os.ReadFile(filepath.Join(c.TLS.Dir, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	bpsc(t, exitUsage, "init", "--out", c.TLS.Dir, "--members", "n1=127.0.0.1:1")
	if after, err := os.ReadFile(filepath.Join(c.TLS.Dir, "ca.key")); err != nil || string(after) != string(before) {
		t.Errorf("bpsc init has overwritten the authority: %v", err)
	}
}

// Without more, a cluster that bpsc init made takes nothing without a token; the lines
// that it prints for the shell bring the operator's.
func TestWhatInitMakesNeedsAToken(t *testing.T) {
	c := startCluster(t, harness.Options{TLS: true, Args: []string{"--anonymous", "none"}})
	flags := []string{"--cacert", c.TLS.Authorities(), "-s", strings.Join(c.URLs(), ","), "--timeout", "5s"}
	bpsc(t, exitUnauthorised, append(flags, "account", "bob")...)
	bpsc(t, exitUnauthorised, append(flags, "send", "--from", "alice", "--to", "bob", "--amount", "7", "--key", "k")...)
	for _, command := range []string{"send --from alice --to bob --amount 7 --key k", "cluster status", "token list"} {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `set -a; . "$0"; set +a; exec "$1" `+command, filepath.Join(c.TLS.Dir, "client.env"), binary)
		cmd.Env = harness.Environ()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("bpsc %s: %v\n%s", command, err, out)
		}
	}
}

// A further member, for which bpsc init add made a certificate, joins; once it is removed its
// certificate is good for nothing, until its id is added again.
func TestAMemberThatInitAddedJoins(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{TLS: true})
	m, err := c.Grow()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Start(), c.AwaitServing(t.Context(), m)); err != nil {
		t.Fatal(err)
	}
	change := func(args ...string) {
		t.Helper()
		bpsc(t, exitOK, append(append([]string{"cluster"}, args...), "-s", strings.Join(c.URLs()[:3], ","), "--cacert", c.TLS.Authorities(),
			"--operator-secret-file", c.TLS.RootToken(), "--timeout", "60s")...)
	}
	change("add", m.ID, m.Raft)
	change("remove", m.ID)
	if err := awaitEnd(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Erase(), m.Start(), c.AwaitServing(t.Context(), m)); err != nil {
		t.Fatal(err)
	}
	change("add", m.ID, m.Raft)
	if err := c.AwaitReady(t.Context(), 30*time.Second); err != nil {
		t.Fatal(err)
	}
}

// Certificates are replaced again and again while clients write: nobody loses a request.
func TestCertificatesRotateUnderLoad(t *testing.T) {
	c := startCluster(t, harness.Options{TLS: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	load := c.StartLoad(ctx, harness.LoadOptions{Workers: 8, Seed: seed(t)})
	for round := range 3 {
		before := map[string]string{}
		for _, m := range c.Members {
			for _, at := range []string{strings.TrimPrefix(m.URL, "https://"), m.Raft} {
				before[at] = shown(t, at)
			}
		}
		if err := c.TLS.Renew(); err != nil {
			t.Fatal(err)
		}
		for at, old := range before {
			err := harness.Until(ctx, 30*time.Second, "the new certificate is shown at "+at, func(context.Context) error {
				if shown(t, at) == old {
					return errors.New("it is the old one")
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := load.AwaitMore(ctx, 200); err != nil {
			t.Fatal(err)
		}
		// One that starts again has connections that show the new ones alone, to all others.
		m := c.Members[round]
		if err := errors.Join(m.Terminate(), awaitEnd(ctx, m), m.Start(), c.AwaitReady(ctx, 30*time.Second)); err != nil {
			t.Fatal(err)
		}
		c.HTTP.CloseIdleConnections() // clients too
		if err := load.AwaitMore(ctx, 200); err != nil {
			t.Fatal(err)
		}
	}
	sent, err := load.Stop()
	if err != nil {
		t.Errorf("requests failed: %v", err)
	}
	t.Logf("%d transfers, each acknowledged, over three rotations", len(sent))
	before := client.Transport
	client.Transport = c.HTTP.Transport
	t.Cleanup(func() { client.Transport = before })
	checkSent(t, verifyCluster(t, c, ""), sent)
}

// A plain cluster goes over to TLS while clients write: its members start again one after
// the other, first to take both, and then to take nothing else.
func TestAClusterGoesOverToTLS(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{})
	s, err := c.Certify(filepath.Join(t.TempDir(), "made"))
	if err != nil {
		t.Fatal(err)
	}
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 4, Seed: seed(t)})
	for _, mode := range []string{"accept", "require"} {
		for _, m := range c.Members {
			m.Also(append(s.MemberArgs(m.ID), "--member-tls", mode)...)
			if err := errors.Join(m.Terminate(), awaitEnd(t.Context(), m), m.Start(), c.AwaitReady(t.Context(), 30*time.Second)); err != nil {
				t.Fatalf("%s with %s: %v", m.ID, mode, err)
			}
			if err := load.AwaitMore(t.Context(), 50); err != nil {
				t.Fatal(err)
			}
		}
	}
	sent, err := load.Stop()
	if err != nil {
		t.Errorf("requests failed: %v", err)
	}
	for _, m := range c.Members {
		if who := shown(t, m.Raft); strings.HasPrefix(who, "nobody") {
			t.Errorf("%s shows no certificate: %s", m.ID, who)
		}
	}
	checkSent(t, verifyCluster(t, c, ""), sent)
}

func awaitEnd(ctx context.Context, m *harness.Member) error {
	_, err := m.AwaitExit(ctx, 20*time.Second)
	return err
}

// shown is the serial number of the certificate that is shown at an address.
func shown(t *testing.T, at string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return fmt.Sprint("nobody: ", err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}
