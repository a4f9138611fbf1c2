package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// Whoever asks for contracts all the time during the first start does not get
// the default one, and no schedule makes an idle cluster write without bound.
func TestContractsDuringTheFirstStart(t *testing.T) {
	c, err := harness.New(harness.Options{Binary: binary, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.KillAll() })
	ctx, stop := context.WithCancel(t.Context())
	var attack sync.WaitGroup
	for _, url := range c.URLs() {
		attack.Go(func() {
			for ctx.Err() == nil {
				req, _ := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/contracts", strings.NewReader(`{"token":"evil","wallets":"open"}`))
				if resp, err := c.HTTP.Do(req); err == nil {
					_ = resp.Body.Close()
				}
			}
		})
	}
	err = c.Start(t.Context())
	stop()
	attack.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range c.Members {
		var list struct{ Items []struct{ Token string } }
		if must(t, http.StatusOK, http.MethodGet, m.URL+"/v1/contracts", "").json(t, &list); list.Items[0].Token != "aka" {
			t.Errorf("%s: the default contract is %s", m.ID, list.Items[0].Token)
		}
	}

	url := c.Members[0].URL + "/v1/contracts"
	refused(t, call(t, http.MethodPost, url, `{"token":"fast","wallets":"open","schedule":{"every":"10ms"}}`), http.StatusBadRequest, "contract_invalid")
	var made atomic.Int64
	var askers sync.WaitGroup
	for asker := range 8 { // for 208 contracts, of which 2,000 blocks a second are 200
		askers.Go(func() {
			for i := range 26 {
				a := call(t, http.MethodPost, url, fmt.Sprintf(`{"token":"t%d-%d","wallets":"open","schedule":{"every":"100ms"}}`, asker, i))
				if a.status == http.StatusCreated {
					made.Add(1)
				} else {
					refused(t, a, http.StatusUnprocessableEntity, "schedules_full")
				}
			}
		})
	}
	askers.Wait()
	if n := made.Load(); n != 200 {
		t.Errorf("%d contracts of ten blocks a second were made", n)
	}
}

// refused checks the status and the code of a problem.
func refused(t *testing.T, a answer, status int, code string) {
	t.Helper()
	var p harness.Problem
	if a.json(t, &p); a.status != status || p.Code != code {
		t.Errorf("%s, want %d %s", a, status, code)
	}
}

// A member that is configured for another default contract than the cluster's
// ends and shows both; so does one that comes when it is made.
func TestAnotherDefaultContract(t *testing.T) {
	c := startCluster(t, harness.Options{})
	other := filepath.Join(t.TempDir(), "other.json")
	for _, text := range []string{`{"token":"gold","wallets":"open"}`, `{"token":"aka","wallets":"open","fee_ppm":70}`} {
		if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m := c.Members[2]
		m.Also("--contract", other)
		for _, fresh := range []bool{false, true} {
			if err := m.Kill(); err != nil {
				t.Fatal(err)
			}
			if fresh { // it learns of the contract from the others
				if err := os.RemoveAll(filepath.Join(m.Data, "state")); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.Start(); err != nil {
				t.Fatal(err)
			}
			if code, err := m.AwaitExit(t.Context(), 20*time.Second); err != nil || code != exitUsage {
				t.Errorf("fresh %t: it ended with %d, %v", fresh, code, err)
			}
			if log := m.LogTail(6); !strings.Contains(log, other) || !strings.Contains(log, `default:    {"bpsc"`) {
				t.Errorf("fresh %t: it says\n%s", fresh, log)
			}
		}
	}
	var list struct{ Items []struct{ Token string } }
	if must(t, http.StatusOK, http.MethodGet, c.Members[0].URL+"/v1/contracts", "").json(t, &list); len(list.Items) != 1 {
		t.Errorf("contracts %+v", list)
	}
}

// A member whose key is not the one it announced says so once, and the log
// stands still.
func TestAWrongMemberKeyIsNoLoadOnTheLog(t *testing.T) {
	c := startCluster(t, harness.Options{})
	m := c.Members[2]
	everybodyAnnounced(t, c, c.Members[0]) // before that it has no key that could be another one
	if err := m.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(m.Data, "member.key")); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	err := harness.Until(t.Context(), 20*time.Second, "it says what is wrong", func(ctx context.Context) error {
		err := harness.Get(ctx, c.HTTP, m.URL+"/readyz", nil)
		if err == nil || !strings.Contains(err.Error(), "member.key") {
			return fmt.Errorf("it says %w", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(m.LogTail(1000), "does not take a key"); n != 1 {
		t.Errorf("it says so %d times", n)
	}
	applied := func() uint64 {
		s, err := c.State(t.Context(), c.Members[0])
		if err != nil {
			t.Fatal(err)
		}
		return s.Self().Applied
	}
	// A cluster that has just started has a few things to write down. Ten attempts
	// of this member would fit into each two seconds for ever.
	since, before := time.Now(), applied()
	err = harness.Until(t.Context(), 20*time.Second, "the log comes to rest", func(context.Context) error {
		if n := applied() - before; n >= 5 {
			since, before = time.Now(), before+n
			return fmt.Errorf("%d entries came", n)
		}
		if quiet := time.Since(since); quiet < 2*time.Second {
			return fmt.Errorf("quiet for %s", quiet)
		}
		return nil
	})
	if err != nil {
		t.Errorf("the log grows though nobody asks for anything: %v", err)
	}
}

// What a browser sends for a page of another site changes nothing; GET /mine has
// a rate; one client does not fill the directory.
func TestRequestsOfOtherSites(t *testing.T) {
	c := startCluster(t, harness.Options{Members: 1})
	f := startFollower(t, harness.FollowerOptions{ID: "f", Upstreams: c.URLs()})
	if err := f.AwaitReady(t.Context(), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	const transfer = `{"sender":"a","recipient":"b","amount":1}`
	for _, url := range []string{c.Members[0].URL, f.URL} {
		refused(t, call(t, "POST", url+"/transactions/new", transfer, "Origin: https://evil.example", "Content-Type: text/plain"), 403, "origin_foreign")
		refused(t, call(t, "POST", url+"/v1/transactions", transfer, "Host: evil.example"), 403, "host_unknown")
		refused(t, call(t, "GET", url+"/mine", "", "Sec-Fetch-Site: cross-site"), 403, "origin_foreign")
		refused(t, call(t, "POST", url+"/v1/contracts", `{"token":"x","wallets":"open"}`, "Host: evil.example"), 403, "host_unknown")
		if a := call(t, "POST", url+"/transactions/new", transfer, "Origin: "+url); a.status != http.StatusCreated {
			t.Errorf("its own page: %s", a)
		}
	}
	refused(t, call(t, "POST", c.Members[0].URL+"/v1/contracts", `{"token":"x","wallets":"open"}`, "X-Forwarded-For: 192.0.2.1"), 401, "token_required")

	made, slowed := 0, 0
	for range 400 {
		switch a := call(t, "GET", c.Members[0].URL+"/mine", ""); a.status {
		case http.StatusOK:
			made++
		case http.StatusTooManyRequests:
			slowed++
		default:
			t.Fatalf("%s", a)
		}
	}
	if made < 50 || slowed == 0 {
		t.Errorf("%d blocks were made, %d refused", made, slowed)
	}
}
