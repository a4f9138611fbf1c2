package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/internal/harness"
)

// startCluster starts a cluster that ends with the test; when the test has
// failed, the members' last words are printed.
func startCluster(t *testing.T, o harness.Options) *harness.Cluster {
	t.Helper()
	return startLaidOut(t, o, func(*harness.Process) {})
}

// startLaidOut is startCluster for processes that are changed before they start.
func startLaidOut(t *testing.T, o harness.Options, change func(p *harness.Process)) *harness.Cluster {
	t.Helper()
	o.Binary, o.Dir = cmp.Or(o.Binary, binary), cmp.Or(o.Dir, t.TempDir())
	c, err := harness.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.KillAll(); err != nil {
			t.Error(err)
		}
		for _, m := range c.Members {
			if t.Failed() {
				t.Logf("log of %s:\n%s", m.ID, m.LogTail(40))
			}
		}
	})
	for i, m := range c.Members {
		if i == 1 && o.Binary == binary && !slices.Contains(o.Args, "--log-store") { // members need not be alike
			m.Also("--log-store", "wal")
		}
		change(&m.Process)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// client bounds every request: a member that never answers fails the test.
var client = &http.Client{Timeout: 30 * time.Second}

// answer is an HTTP answer, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// json decodes the body or fails the test.
func (a answer) json(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(a.body, into); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
}

// call sends one request with headers given as "Name: value".
func call(t *testing.T, method, url, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
		if name == "Host" {
			req.Host = value
		}
	}
	a, err := do(client, req)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// do sends a request and reads its answer to the end.
func do(client *http.Client, req *http.Request) (answer, error) {
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, text}, err
}

// must is call for a request that has to succeed. A read is asked again where the
// answer says that it may be: on a busy machine a leader may change meanwhile.
func must(t *testing.T, status int, method, url, body string, headers ...string) (a answer) {
	t.Helper()
	err := harness.Until(t.Context(), 20*time.Second, method+" "+url, func(context.Context) error {
		a = call(t, method, url, body, headers...)
		switch {
		case a.status == status:
			return nil
		case method == http.MethodGet && a.retryable():
			return fmt.Errorf("%s, want %d", a, status)
		}
		return harness.Permanent(fmt.Errorf("%s, want %d", a, status))
	})
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return a
}

func (a answer) retryable() bool {
	var p struct{ Retryable bool }
	return a.status == http.StatusServiceUnavailable && json.Unmarshal(a.body, &p) == nil && p.Retryable
}

// verifyCluster waits until no record is pending and every member has applied
// what the leader has, then checks the whole chain of every member and that
// they are the same bytes. contract is a token, or "" for the default.
func verifyCluster(t *testing.T, c *harness.Cluster, contract string) *verify.Ledger {
	t.Helper()
	settle(t, c, contract)
	var ledger *verify.Ledger
	var reference [][]byte
	for _, m := range c.Members {
		l, texts, err := verify.Member(t.Context(), c.HTTP, m.URL, contract)
		if err != nil {
			t.Fatal(err)
		}
		if ledger == nil {
			ledger, reference = l, texts
		}
		// A schedule by time may have added blocks from one member to the next.
		for i := range min(len(texts), len(reference)) {
			if !bytes.Equal(texts[i], reference[i]) {
				t.Fatalf("block %d differs:\n%s: %s\n%s: %s", i+1, c.Members[0].ID, reference[i], m.ID, texts[i])
			}
		}
	}
	return ledger
}

// settle puts pending records into a block and waits for every member to know.
func settle(t *testing.T, c *harness.Cluster, contract string) {
	t.Helper()
	ctx := t.Context()
	leader, err := c.Leader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = harness.Until(ctx, 30*time.Second, "nothing is pending", func(context.Context) error {
		var info struct{ Pending int }
		must(t, http.StatusOK, http.MethodGet, leader.URL+"/v1/contracts/"+token(contract), "").json(t, &info)
		if info.Pending == 0 {
			return nil
		}
		// Where the contract has no blocks on request, its schedule does it.
		call(t, http.MethodGet, leader.URL+"/mine?contract="+token(contract), "")
		return fmt.Errorf("%d records are", info.Pending)
	})
	if err != nil {
		t.Fatal(err)
	}
	awaitSameIndex(t, c, leader)
}

func token(contract string) string {
	if contract == "" {
		return "aka"
	}
	return contract
}

// awaitSameIndex waits until every member has applied what one has by now.
func awaitSameIndex(t *testing.T, c *harness.Cluster, reference *harness.Member) {
	t.Helper()
	view, err := c.State(t.Context(), reference)
	if err != nil {
		t.Fatal(err)
	}
	goal := view.Self().Applied
	for _, m := range c.Members {
		err := harness.Until(t.Context(), 30*time.Second, m.ID+" catches up", func(ctx context.Context) error {
			s, err := c.State(ctx, m)
			if err == nil && s.Self().Applied < goal {
				err = fmt.Errorf("it has applied %d of %d", s.Self().Applied, goal)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// stopAndCheck ends a load, and compares what its senders know with what the chain says.
func stopAndCheck(t *testing.T, c *harness.Cluster, load *harness.Load) {
	t.Helper()
	sent, err := load.Stop()
	if err != nil {
		t.Fatal(err)
	}
	checkSent(t, verifyCluster(t, c, ""), sent)
}

// logSpread says how long something took each time.
func logSpread(t *testing.T, what string, took []time.Duration) {
	t.Helper()
	slices.Sort(took)
	t.Logf("%s, %d times: median %s, worst %s", what, len(took),
		took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
}

// checkSent compares what senders know with what the chain says: what was
// acknowledged stands there once, where the answer said; what was not stands
// there at most once; and nothing stands there that nobody sent.
func checkSent(t *testing.T, l *verify.Ledger, sent []harness.Sent) {
	t.Helper()
	known := map[string]bool{}
	acked, lost, unknown := 0, 0, 0
	for _, s := range sent {
		id := s.ID()
		known[id] = true
		at, inChain := l.Records[id] // the verifier has refused ids that stand there twice
		switch {
		case s.Acked && !inChain:
			lost++
			t.Errorf("transfer %s was acknowledged for block %d and is not in the chain", s.Key, s.Ack.Block)
		case s.Acked && (s.Ack.ID != id || s.Ack.Block != at.Block || s.Ack.Position != at.Position):
			t.Errorf("transfer %s was acknowledged as %+v and stands in block %d at %d", s.Key, s.Ack, at.Block, at.Position)
		case inChain && (at.Record.Sender != s.Sender || at.Record.Recipient != s.Recipient || at.Record.AmountSend != s.Amount):
			t.Errorf("transfer %s stands in the chain as %+v", s.Key, at.Record)
		}
		if s.Acked {
			acked++
		} else if inChain {
			unknown++
		}
	}
	for id := range l.Records {
		if !known[id] {
			t.Errorf("record %s was sent by nobody", id)
		}
	}
	t.Logf("%d transfers acknowledged, %d of them lost; %d abandoned by their senders, %d of these in the chain",
		acked, lost, len(sent)-acked, unknown)
}
