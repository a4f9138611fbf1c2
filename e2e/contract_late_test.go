package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// A contract that one member has answered for is never unknown to another, nor
// to a follower: where it is not here yet, that can be asked again. One that
// nobody has made is.
func TestANewContractIsNowhereUnknown(t *testing.T) {
	c := startCluster(t, harness.Options{})
	f := startFollower(t, harness.FollowerOptions{ID: "f", Upstreams: c.URLs()})
	leaf := startFollower(t, harness.FollowerOptions{ID: "leaf", Upstreams: []string{f.URL}})
	for _, n := range []*harness.Follower{f, leaf} {
		if err := n.AwaitReady(t.Context(), 20*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	nodes := append(c.URLs(), f.URL, leaf.URL)
	transfer := func(url, token string) answer {
		return call(t, http.MethodPost, url+"/v1/transactions", fmt.Sprintf(`{"contract":"%s","sender":"a","recipient":"b","amount":1}`, token))
	}
	for i := range 12 {
		token := fmt.Sprintf("late%d", i)
		must(t, http.StatusCreated, http.MethodPost, c.Members[i%3].URL+"/v1/contracts", fmt.Sprintf(`{"token":"%s","wallets":"open"}`, token))
		for k, url := range nodes {
			a := transfer(url, token)
			if a.status == http.StatusCreated {
				continue
			}
			if k < len(c.Members) {
				t.Errorf("a member: %s", a)
			}
			refused(t, a, http.StatusServiceUnavailable, "contract_not_here")
		}
	}
	for _, url := range nodes {
		// Sooner than nodes list contracts of their own accord.
		err := harness.Until(t.Context(), 8*time.Second, "the last contract is there", func(context.Context) error {
			if a := transfer(url, "late11"); a.status != http.StatusCreated {
				return errors.New(a.String())
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		refused(t, call(t, http.MethodGet, url+"/v1/contracts/nobodys", ""), http.StatusNotFound, "contract_unknown")
	}
}
