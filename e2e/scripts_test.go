package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/internal/harness"
)

// script is scripts/cluster.sh with an environment of its own.
type script struct {
	path string
	env  []string
	port int
}

// newScript picks free ports for a cluster of three; the script counts in tens.
// Whatever it starts ends with the test.
func newScript(t *testing.T) script {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	port, err := harness.FreePorts(0, 10, 20, 50, 60, 70)
	if err != nil {
		t.Fatal(err)
	}
	s := script{
		path: filepath.Join(root, "scripts", "cluster.sh"), port: port,
		env: append(harness.Environ(),
			fmt.Sprintf("BPSC_PORT=%d", port), fmt.Sprintf("BPSC_RAFT_PORT=%d", port+50), "BPSC_DATA="+t.TempDir()),
	}
	t.Cleanup(func() {
		cmd := exec.Command(s.path, "down")
		cmd.Env = s.env
		_ = cmd.Run() // there may be nothing to stop
	})
	return s
}

func (s script) url(member int) string {
	return fmt.Sprintf("http://127.0.0.1:%d", s.port+10*(member-1))
}

// run runs one command of the script, which has to end with the given code.
func (s script) run(t *testing.T, code int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.path, args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("cluster.sh %s: exit code %d, want %d (%v)\n%s", strings.Join(args, " "), got, code, err, out)
	}
	return string(out)
}

// expect fails unless the text matches the pattern.
func expect(t *testing.T, text, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(text) {
		t.Errorf("%q does not match %q", text, pattern)
	}
}

// chain waits until a member has so many records in blocks, and returns what it
// has.
func (s script) chain(t *testing.T, member, records int) *verify.Ledger {
	t.Helper()
	var l *verify.Ledger
	err := harness.Until(t.Context(), 10*time.Second, "its chain is complete and valid", func(ctx context.Context) (err error) {
		l, _, err = verify.Member(ctx, client, s.url(member), "")
		if err == nil && len(l.Records) < records {
			err = fmt.Errorf("%d records of %d", len(l.Records), records)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const transfer = `{"sender":"a","recipient":"b","amount":5}`

// Two clusters side by side, through everything the script can do.
func TestClusterScript(t *testing.T) {
	one, other := newScript(t), newScript(t)
	expect(t, one.run(t, 1, "status"), "no cluster in")
	expect(t, one.run(t, 2, "up", "--every"), "needs a value")
	expect(t, one.run(t, 2, "up", "--decimals", "many"), "cannot be")

	up := one.run(t, 0, "up", "--transactions", "10", "--wallets", "open")
	expect(t, up, regexp.QuoteMeta(one.url(3)))
	expect(t, up, "nothing is signed")
	other.run(t, 0, "up", "--token=points", "--decimals=2", "--fee-ppm=1000")

	expect(t, one.run(t, 0, "status"), `(?s)n1 .*ready.*n2 .*ready.*n3 .*ready.*leader: n[123]`)
	must(t, http.StatusCreated, http.MethodPost, one.url(2)+"/v1/transactions", transfer)
	must(t, http.StatusOK, http.MethodGet, one.url(1)+"/mine", "")

	t.Run("up again resumes", func(t *testing.T) {
		expect(t, one.run(t, 0, "up"), `(?s)n1 runs already.*n2 runs already.*n3 runs already`)
		one.run(t, 0, "down")
		expect(t, one.run(t, 1, "status"), "no leader serves")
		one.run(t, 0, "up", "--transactions", "10")
		if l := one.chain(t, 1, 1); len(l.Blocks) != 2 || len(l.Records) != 1 || l.Contract.Schedule.Transactions != 10 {
			t.Errorf("%d blocks, %d records after down and up", len(l.Blocks), len(l.Records))
		}
	})
	t.Run("a contract does not change", func(t *testing.T) {
		expect(t, one.run(t, 1, "up", "--transactions", "11"), "a contract never changes")
	})
	t.Run("kill-leader and restart-dead", func(t *testing.T) {
		expect(t, one.run(t, 0, "kill-leader"), `killed -9 n[123].*\n.*leads now, after \d+ ms`)
		expect(t, one.run(t, 0, "status"), `n[123] .* dead`)
		expect(t, one.run(t, 0, "kill-leader"), "no majority")
		expect(t, one.run(t, 1, "status"), "no leader serves")
		expect(t, one.run(t, 0, "restart-dead"), "all 3 members run, n[123] leads")
		must(t, http.StatusCreated, http.MethodPost, one.url(3)+"/v1/transactions", transfer)
		must(t, http.StatusOK, http.MethodGet, one.url(3)+"/mine", "")
		for member := 1; member <= 3; member++ {
			one.chain(t, member, 2)
		}
	})
	t.Run("the other cluster has noticed nothing", func(t *testing.T) {
		l := other.chain(t, 1, 0)
		if len(l.Blocks) != 1 || l.Contract.Token != "points" || l.Contract.Decimals != 2 || l.Contract.FeePPM != 1000 {
			t.Errorf("%d blocks of %+v", len(l.Blocks), l.Contract)
		}
	})
	for _, s := range []script{one, other} {
		expect(t, s.run(t, 0, "down"), "everything is down")
	}
}

// A port that somebody else uses is named; nothing is started or left behind.
func TestClusterScriptPortInUse(t *testing.T) {
	s := newScript(t)
	stranger, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.port+10))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, s.run(t, 1, "up"), fmt.Sprintf(`127\.0\.0\.1:%d is in use`, s.port+10))
	if err := stranger.Close(); err != nil {
		t.Fatal(err)
	}
	s.run(t, 0, "up", "--token", "second")
	if l := s.chain(t, 1, 0); l.Contract.Token != "second" {
		t.Errorf("the contract is %+v", l.Contract)
	}
	s.run(t, 0, "down")
}

// The demo is what a newcomer runs first.
func TestDemo(t *testing.T) {
	s := newScript(t)
	out := s.run(t, 0, "demo")
	t.Log(out)
	expect(t, out, `"amount_receive": *999950\b`)
	expect(t, out, `that is the previous_hash of block 3`)
	expect(t, out, `acknowledged \d+ ms after the kill`)
	expect(t, out, `3 members and 2 followers, identical and verified`)
}
