package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// The tutorial's own way of checking a chain, in Python, accepts ours, whatever
// is in it: fractions, exponents, and names that JSON has to escape.
func TestTutorialFollower(t *testing.T) {
	c := startCluster(t, harness.Options{})
	first := c.Members[0].URL
	names := []string{"alice", "b\\u00f6rse", "\\ud83d\\ude80", "quote\\\"back\\\\slash", "tab\\tline\\n", "\\u007f\\u2028<&>", "日本"}
	amounts := []string{"1000000", "1", "0.5", `"12.000001"`, "0.000625", "999999999.999999", "2e1"}
	for i, name := range names {
		body := fmt.Sprintf(`{"sender":"%s","amount":%s,"recipient":"%s"}`, name, amounts[i], names[(i+1)%len(names)])
		must(t, http.StatusCreated, http.MethodPost, c.Members[i%3].URL+"/transactions/new", body)
		if i%2 == 1 {
			must(t, http.StatusOK, http.MethodGet, first+"/mine", "")
		}
	}
	must(t, http.StatusOK, http.MethodGet, first+"/mine", "")
	must(t, http.StatusOK, http.MethodGet, first+"/mine", "")
	ledger := verifyCluster(t, c, "")
	if len(ledger.Records) != len(names) {
		t.Errorf("%d records in the chain, %d were sent", len(ledger.Records), len(names))
	}
	for _, m := range c.Members {
		out, err := exec.CommandContext(t.Context(), "python3", "testdata/follower.py", m.URL).CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "ok,") {
			t.Errorf("follower of %s: %v: %s", m.ID, err, out)
		}
	}
}
