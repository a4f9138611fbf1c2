package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// An operator puts an older copy of a member's folder in its place, or an empty
// one, while the member that has the rest is away. The one that is there has seen
// more of this member: it ends and says what to do, and nothing is lost.
func TestMemberWentBack(t *testing.T) {
	t.Parallel() // most of it waits
	for name, copied := range map[string]bool{"to an older copy": true, "to an empty folder": false} {
		t.Run(name, func(t *testing.T) {
			c := startCluster(t, harness.Options{})
			n1, n2, n3 := c.Members[0], c.Members[1], c.Members[2]
			pay(t, n1.URL, `{"sender":"a","recipient":"b","amount":1}`)
			old := copyStopped(t, n1)
			startAll(t, c)
			kill(t, &n3.Process)
			payTen(t, n2.URL)
			kill(t, &n1.Process)
			kill(t, &n2.Process)
			if err := os.RemoveAll(n1.Data); err != nil {
				t.Fatal(err)
			}
			if copied {
				copyData(t, n1.Data, old)
			}
			if copied {
				start(t, n1)
				start(t, n3)
				mustEnd(t, &n1.Process, exitFatal, "went back in time", "n3 has seen", "Wait for n2 and n3")
				start(t, n1)
				mustEnd(t, &n1.Process, 1, "went back in time", "Wait for n2 and n3")
			} else { // it asks before it does anything
				start(t, n3)
				awaitUnready(t, &n3.Process, "n1")
				start(t, n1)
				mustEnd(t, &n1.Process, 2, "bpsc cluster replace n1")
			}
			start(t, n2)
			awaitReadyMember(t, c, n2)
			awaitReadyMember(t, c, n3)
			mustHaveTen(t, n3.URL)
		})
	}
}

// The same, and the member that is there has seen nothing since: nobody can
// notice until the third returns. From then on nobody is ready, in whatever order
// they start, for two histories are final.
func TestTwoHistoriesServeNobody(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{})
	n1, n2, n3 := c.Members[0], c.Members[1], c.Members[2]
	pay(t, n1.URL, `{"sender":"a","recipient":"b","amount":1}`)
	kill(t, &n3.Process)
	old := copyStopped(t, n1)
	start(t, n1)
	awaitReadyMember(t, c, n1)
	payTen(t, n2.URL)
	kill(t, &n1.Process)
	kill(t, &n2.Process)
	replaceData(t, n1, old)
	start(t, n1)
	start(t, n3)
	awaitReadyMember(t, c, n1)
	awaitReadyMember(t, c, n3)
	pay(t, n3.URL, `{"sender":"a","recipient":"c","amount":1}`)
	start(t, n2)
	for range 2 {
		for _, m := range c.Members {
			code, err := m.AwaitExit(t.Context(), patience)
			said := m.LogTail(40)
			if err != nil || code == 0 || !strings.Contains(strings.ToLower(said), "what to do") || strings.Contains(said, "goroutine ") {
				t.Errorf("%s ended with %d, %v; it says:\n%s", m.ID, code, err, said)
			}
		}
		for _, m := range c.Members {
			start(t, m)
		}
	}
}

// A member whose journal of what it has signed is lost, or older than its own
// words in the log, signs no more: it ends and does not start again.
func TestJournalWentBack(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{Contract: `{"token":"aka","wallets":"open","schedule":{"transactions":1}}`})
	n1 := c.Members[0]
	ack := pay(t, n1.URL, `{"sender":"a","recipient":"b","amount":1}`)
	err := harness.Until(t.Context(), patience, "all members sign", func(ctx context.Context) error {
		_, signed, err := getCheckpoint(ctx, client, n1.URL, "", int(ack.Block))
		if err == nil && len(signed.signers) < len(c.Members) {
			err = fmt.Errorf("signed by %v", signed.signers)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := n1.Terminate(); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, &n1.Process, exitOK)
	if err := os.Remove(filepath.Join(n1.Data, "attest", "aka.json")); err != nil {
		t.Fatal(err)
	}
	start(t, n1)
	mustEnd(t, &n1.Process, exitFatal, "forgotten what it has signed", "Wait for n2 and n3")
	start(t, n1)
	mustEnd(t, &n1.Process, 1, "forgotten what it has signed", "Wait for n2 and n3")
}

// copyStopped stops a member and returns a copy of its folder.
func copyStopped(t *testing.T, m *harness.Member) (folder string) {
	t.Helper()
	if err := m.Terminate(); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, &m.Process, exitOK)
	folder = filepath.Join(t.TempDir(), "old")
	copyData(t, folder, m.Data)
	return folder
}

func start(t *testing.T, m *harness.Member) {
	t.Helper()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
}

func startAll(t *testing.T, c *harness.Cluster) {
	t.Helper()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func awaitReadyMember(t *testing.T, c *harness.Cluster, m *harness.Member) {
	t.Helper()
	err := harness.Until(t.Context(), patience, m.ID+" is ready", func(ctx context.Context) error {
		if !m.Alive() {
			return harness.Permanent(errors.New(m.LogTail(20)))
		}
		return harness.Get(ctx, c.HTTP, m.URL+"/readyz", nil)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// payTen makes transfers that are final when it returns.
func payTen(t *testing.T, url string) {
	t.Helper()
	for n := range 10 {
		pay(t, url, fmt.Sprintf(`{"sender":"a","recipient":"ten","amount":%d}`, n+1))
	}
}

func mustHaveTen(t *testing.T, url string) {
	t.Helper()
	var account struct{ Records int }
	must(t, http.StatusOK, http.MethodGet, url+"/v1/accounts/ten", "").json(t, &account)
	if account.Records != 10 {
		t.Errorf("%d of 10 final transfers are there", account.Records)
	}
}

// A member that signs nothing, here because its key is another than the one with
// which it began, is not healthy: the status says so, and why.
func TestStatusShowsWhoSigns(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{})
	n1, n2 := c.Members[0], c.Members[1]
	if err := n1.Terminate(); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, &n1.Process, exitOK)
	if err := os.Remove(filepath.Join(n1.Data, "member.key")); err != nil {
		t.Fatal(err)
	}
	start(t, n1)
	err := harness.Until(t.Context(), patience, "the status says that n1 signs nothing", func(ctx context.Context) error {
		text, err := getText(ctx, client, n2.URL+"/v1/cluster")
		if err != nil {
			return err
		}
		var s struct {
			Members []struct {
				ID, Role       string
				Ready, Signing bool
				NotReady       string `json:"not_ready"`
				NotSigning     string `json:"not_signing"`
			}
		}
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return harness.Permanent(err)
		}
		one, two := s.Members[0], s.Members[1]
		if one.Ready || one.Signing || !strings.Contains(one.NotSigning, "member.key") || one.NotReady == "" || !two.Ready || !two.Signing {
			return errors.New(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out := bpsc(t, exitOK, "cluster", "status", "--server", n2.URL)
	for _, text := range []string{"READY", "SIGNING", "no: this member's key is not the one"} {
		if !strings.Contains(out, text) {
			t.Errorf("the table does not say %q:\n%s", text, out)
		}
	}
}
