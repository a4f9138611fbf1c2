package e2e

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"testing"

	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/internal/harness"
)

// What members and a follower say of every account at every block is what somebody
// else makes of the chain up to there.
func TestThePastIsTheSameEverywhere(t *testing.T) {
	c := startCluster(t, harness.Options{})
	f := follow(t, "f1", c.URLs()...)
	for i := range 8 {
		pay(t, c.Members[i%3].URL, fmt.Sprintf(`{"sender":"a/%d","recipient":"b","amount":%d}`, i%3, i+1))
		if i%2 == 0 {
			must(t, http.StatusOK, http.MethodPost, c.Members[0].URL+"/mine", "")
		}
	}
	must(t, http.StatusOK, http.MethodPost, c.Members[0].URL+"/mine", "")
	verifyFollowers(t, c, "", f)
	_, texts, err := verify.Member(t.Context(), c.HTTP, c.Members[0].URL, "")
	if err != nil {
		t.Fatal(err)
	}
	last, err := verify.Check(texts)
	if err != nil {
		t.Fatal(err)
	}
	urls := append(c.URLs(), f.URL)
	for i := range texts {
		then, err := verify.Check(texts[:i+1])
		if err != nil {
			t.Fatal(err)
		}
		at := string(then.Blocks[i].Timestamp)
		for name := range last.Balances {
			of := urls[i%len(urls)] + "/v1/accounts/" + url.PathEscape(name)
			byBlock := must(t, http.StatusOK, http.MethodGet, fmt.Sprintf("%s?at_block=%d", of, i+1), "")
			byTime := must(t, http.StatusOK, http.MethodGet, of+"?at="+at, "")
			if string(byBlock.body) != string(byTime.body) {
				t.Errorf("block %d is of %s: %s, and then: %s", i+1, at, byBlock.body, byTime.body)
			}
			var a struct{ Balance json.Number }
			byBlock.json(t, &a)
			got, ok := new(big.Rat).SetString(string(a.Balance))
			if want := big.NewRat(then.Balances[name], 1_000_000); !ok || got.Cmp(want) != 0 {
				t.Errorf("%s at block %d: %s, want %s", name, i+1, byBlock.body, want.FloatString(6))
			}
		}
	}
	must(t, http.StatusNotFound, http.MethodGet, fmt.Sprintf("%s/v1/accounts/b?at_block=%d", f.URL, len(texts)+1), "")
	bpsc(t, exitNotFound, "account", "b", "--at", "1000", "--server", f.URL)
	var b struct{ Balance json.Number }
	bpscJSON(t, &b, "account", "b", "--at-block", "1", "--server", f.URL)
	if b.Balance != "0" {
		t.Errorf("b has %s at genesis", b.Balance)
	}
}
