package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// result is what a batch's answer says of one item.
type result struct {
	ID, Status, Code string
	Block            uint64
	Position         int
	Replay           bool
}

func sendBatch(t *testing.T, m *harness.Member, items []string) []result {
	t.Helper()
	var answer struct{ Results []result }
	body := `{"transactions":[` + strings.Join(items, ",") + `]}`
	must(t, http.StatusOK, http.MethodPost, m.URL+"/v1/transactions:batch", body).json(t, &answer)
	if len(answer.Results) != len(items) {
		t.Fatalf("%d results for %d items", len(answer.Results), len(items))
	}
	return answer.Results
}

// Each item of a batch has a result of its own, in its place; the bad ones do
// not keep the good ones back, and the batch sent again changes nothing.
func TestBatch(t *testing.T) {
	c := startCluster(t, harness.Options{})
	bad := map[int]string{
		17:  `{"sender":"a","recipient":"b","amount":-1}`,
		500: `{"sender":"a","amount":1}`,
		777: `{"sender":"a","recipient":"b","amount":2,"key":"item-3"}`, // another transfer's key
	}
	codes := map[int]string{17: "amount_not_positive", 500: "missing_values", 777: "id_reused"}
	var items []string
	for i := range 1000 {
		item, isBad := bad[i]
		if !isBad {
			item = fmt.Sprintf(`{"sender":"a","recipient":"b-%d","amount":1,"key":"item-%d"}`, i%10, i)
		}
		items = append(items, item)
	}
	first := sendBatch(t, c.Members[0], items)
	for n, m := range c.Members {
		for i, r := range sendBatch(t, m, items) {
			if r.Status != first[i].Status || r.ID != first[i].ID || r.Block != first[i].Block || r.Position != first[i].Position {
				t.Errorf("item %d: %+v, sent again by way of %s: %+v", i, first[i], m.ID, r)
			}
			if want := codes[i]; r.Code != want || (r.Status == "refused") != (want != "") || want == "" && !r.Replay {
				t.Errorf("round %d, item %d: %+v", n, i, r)
			}
		}
	}
	l := verifyCluster(t, c, "")
	if len(l.Records) != len(items)-len(bad) {
		t.Errorf("%d records in the chain", len(l.Records))
	}
	for i, r := range first {
		if at := l.Records[r.ID]; codes[i] == "" && (at.Block != r.Block || at.Position != r.Position) {
			t.Errorf("item %d was answered with %+v and stands in block %d at %d", i, r, at.Block, at.Position)
		}
	}
}
