// Package security runs on real processes what docs/security.md says of strangers: what
// they send has a clear answer, changes nothing, and stands in no log with its secrets.
package security

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/internal/harness"
)

// patience is for whatever a cluster does by itself.
const patience = 30 * time.Second

var binary string // what TestMain built

func TestMain(m *testing.M) {
	harness.Main(m, func(ctx context.Context, dir string) (err error) {
		binary, err = harness.Build(ctx, dir)
		return err
	})
}

// locked is a cluster of three as bpsc init makes it: TLS, mutual between its members, and
// nothing without a token.
type locked struct {
	*harness.Cluster
	t       *testing.T
	root    string
	secrets map[string]string // that no log may have, by what they are
	sent    int
}

func startLocked(t *testing.T) *locked {
	c, err := harness.New(harness.Options{Binary: binary, Dir: t.TempDir(), TLS: true, Args: []string{"--anonymous", "none", "--log-level", "debug"}})
	require.NoError(t, err)
	text, err := os.ReadFile(c.TLS.RootToken())
	require.NoError(t, err)
	l := &locked{Cluster: c, t: t, root: strings.TrimSpace(string(text)), secrets: map[string]string{}}
	l.secrets["the root token"] = l.root
	c.HTTP.Transport = bearer{c.HTTP.Transport, l.root}
	t.Cleanup(func() {
		for _, m := range c.Members {
			if t.Failed() {
				t.Logf("log of %s:\n%s", m.ID, m.LogTail(30))
			}
		}
		require.NoError(t, c.KillAll())
	})
	require.NoError(t, c.Start(t.Context()))
	return l
}

// bearer sends a token where none is sent.
type bearer struct {
	http.RoundTripper
	token string
}

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, given := req.Header["Authorization"]; !given {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.RoundTripper.RoundTrip(req)
}

// pay has a transfer acknowledged, which has to be there in the end.
func (l *locked) pay() {
	l.t.Helper()
	l.sent++
	_, err := l.Submit(l.t.Context(), l.Members[l.sent%3].URL, harness.Transfer{Sender: "alice", Recipient: "bob", Amount: "1", Key: fmt.Sprint("k", l.sent)})
	require.NoError(l.t, err)
}

// nothingHappened checks that the members run and have the same chain, with what was paid
// and nothing else, and that no secret stands in what they and the commands have printed.
func (l *locked) nothingHappened() {
	l.t.Helper()
	var ledgers []*verify.Ledger
	require.NoError(l.t, harness.Until(l.t.Context(), patience, "all that was paid is in blocks, everywhere", func(ctx context.Context) error {
		ledgers = nil
		for _, m := range l.Members {
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, m.URL+"/mine", nil)
			if resp, err := l.HTTP.Do(req); err == nil {
				_ = resp.Body.Close()
			}
			ledger, _, err := verify.Member(ctx, l.HTTP, m.URL, "")
			if err != nil {
				return err
			}
			if len(ledger.Records) != l.sent {
				return fmt.Errorf("%s has %d records of %d", m.ID, len(ledger.Records), l.sent)
			}
			ledgers = append(ledgers, ledger)
		}
		return nil
	}))
	require.Len(l.t, ledgers, 3)
	for _, m := range l.Members {
		require.True(l.t, m.Alive(), m.ID)
		l.noSecrets(m.ID, m.Log)
	}
}

func (l *locked) noSecrets(who, file string) {
	l.t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(l.t, err)
	require.NotEmpty(l.t, text)
	for what, secret := range l.secrets {
		if strings.Contains(string(text), secret) {
			l.t.Errorf("%s of %s stands in its log", what, who)
		}
	}
}

// bpsc runs a command as the operator of the cluster and returns all that it prints.
func (l *locked) bpsc(code int, args ...string) string {
	l.t.Helper()
	return run(l.t, code, append(args, "--cacert", l.TLS.Authorities(), "-s", strings.Join(l.URLs(), ","))...)
}

func run(t *testing.T, code int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = harness.Environ()
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	require.Equal(t, code, cmd.ProcessState.ExitCode(), "bpsc %s: %s", strings.Join(args, " "), out)
	return string(out)
}

// token has a token made, and returns it.
func (l *locked) token(name string, args ...string) string {
	l.t.Helper()
	file := filepath.Join(l.t.TempDir(), name)
	l.bpsc(0, append([]string{"token", "create", "--name", name, "--file", file, "--operator-secret-file", l.TLS.RootToken()}, args...)...)
	text, err := os.ReadFile(file)
	require.NoError(l.t, err)
	secret := strings.TrimSpace(string(text))
	l.secrets["the token "+name] = secret
	return secret
}
