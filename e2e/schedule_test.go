package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/internal/harness"
)

// Every way to schedule blocks, each as a contract of its own in one cluster.
// That each block's trigger fits its contract is what the verifier checks;
// here: that the blocks come, when they should, and how many.
func TestSchedules(t *testing.T) {
	c := startCluster(t, harness.Options{})
	for _, s := range []struct {
		token, schedule string
		onRequest       bool
		sends           int
		check           func(t *testing.T, c *harness.Cluster, l *verify.Ledger)
	}{
		{"timed", `{"every":"200ms","empty":false}`, false, 7, noEmptyBlocks},
		{"beat", `{"every":"100ms"}`, false, 0, beatsWhenIdle},
		{"counted", `{"transactions":5}`, true, 23, fourFullBlocks},
		{"single", `{"transactions":1}`, false, 6, oneRecordEach},
		{"either", `{"every":"300ms","transactions":4,"empty":false}`, false, 10, countAndTime},
		{"asked", `{}`, true, 9, onlyOnRequest},
	} {
		t.Run(s.token, func(t *testing.T) {
			contract := fmt.Sprintf(`{"token":"%s","wallets":"open","schedule":%s,"on_request":%t}`, s.token, s.schedule, s.onRequest)
			must(t, http.StatusCreated, http.MethodPost, c.Members[1].URL+"/v1/contracts", contract)
			// A member refuses what is for a contract of which it has not heard yet.
			awaitSameIndex(t, c, c.Members[1])
			for i := range s.sends {
				body := fmt.Sprintf(`{"contract":"%s","sender":"a","recipient":"b","amount":%d}`, s.token, i+1)
				must(t, http.StatusCreated, http.MethodPost, c.Members[i%3].URL+"/v1/transactions", body)
			}
			l := verifyCluster(t, c, s.token)
			if len(l.Records) != s.sends {
				t.Errorf("%d records, %d were sent", len(l.Records), s.sends)
			}
			s.check(t, c, l)
		})
	}
	// The default contract's chain has not noticed any of it.
	if l := verifyCluster(t, c, ""); len(l.Records) != 0 {
		t.Errorf("the default contract has %d records", len(l.Records))
	}
}

// triggers counts the blocks by trigger.
func triggers(l *verify.Ledger) map[string]int {
	n := map[string]int{}
	for _, b := range l.Blocks {
		n[b.Trigger]++
	}
	return n
}

func noEmptyBlocks(t *testing.T, _ *harness.Cluster, l *verify.Ledger) {
	if n := triggers(l); n["time"] == 0 || n["time"] != len(l.Blocks)-1 {
		t.Errorf("triggers %v", n)
	}
}

// beatsWhenIdle waits for blocks that nobody causes.
func beatsWhenIdle(t *testing.T, c *harness.Cluster, l *verify.Ledger) {
	goal := len(l.Blocks) + 5
	err := harness.Until(t.Context(), 10*time.Second, "empty blocks come by time", func(context.Context) error {
		if l = verifyCluster(t, c, "beat"); len(l.Blocks) < goal {
			return fmt.Errorf("%d blocks of %d", len(l.Blocks), goal)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func fourFullBlocks(t *testing.T, _ *harness.Cluster, l *verify.Ledger) {
	if n := triggers(l); n["count"] != 4 || n["request"] != 1 || len(l.Blocks) != 6 {
		t.Errorf("triggers %v", n)
	}
}

func oneRecordEach(t *testing.T, c *harness.Cluster, l *verify.Ledger) {
	if n := triggers(l); n["count"] != 6 || len(l.Blocks) != 7 {
		t.Errorf("triggers %v", n)
	}
	a := must(t, http.StatusCreated, http.MethodPost, c.Members[0].URL+"/transactions/new?contract=single", `{"sender":"a","recipient":"b","amount":1}`)
	var forged struct {
		Message      string
		Index        int
		Transactions []map[string]any
		PreviousHash string `json:"previous_hash"`
	}
	a.json(t, &forged)
	if forged.Message != "New Block Forged" || forged.Index != 8 || len(forged.Transactions) != 1 || len(forged.PreviousHash) != 64 {
		t.Errorf("the transfer that completes a block was answered with %s", a)
	}
}

func countAndTime(t *testing.T, _ *harness.Cluster, l *verify.Ledger) {
	// Ten records: two blocks of four by count unless time was faster, the rest by time.
	if n := triggers(l); n["time"] == 0 || n["count"]+n["time"] != len(l.Blocks)-1 {
		t.Errorf("triggers %v", n)
	}
}

func onlyOnRequest(t *testing.T, _ *harness.Cluster, l *verify.Ledger) {
	if n := triggers(l); n["request"] != 1 || len(l.Blocks) != 2 {
		t.Errorf("triggers %v", n)
	}
}
