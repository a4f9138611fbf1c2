package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bpsc/bpsc/e2e/sign"
	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/internal/harness"
)

// patience is how long a follower may take over what it does in moments: the
// machine may be busy.
const patience = 30 * time.Second

// attempt is how long a client waits for a follower before it asks somebody
// else: one whose upstream is down keeps trying for longer.
const attempt = 300 * time.Millisecond

// startFollower starts a follower that ends with the test. It does not wait
// until the follower is ready.
func startFollower(t *testing.T, o harness.FollowerOptions) *harness.Follower {
	t.Helper()
	o.Binary, o.Dir = binary, t.TempDir()
	f, err := harness.NewFollower(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", f.ID, f.LogTail(40))
		}
	})
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	return f
}

// follow starts a follower and waits until it has caught up.
func follow(t *testing.T, id string, upstreams ...string) *harness.Follower {
	t.Helper()
	f := startFollower(t, harness.FollowerOptions{ID: id, Upstreams: upstreams})
	if err := f.AwaitReady(t.Context(), patience); err != nil {
		t.Fatal(err)
	}
	return f
}

// verifyFollowers checks the whole chain of every member and of every follower,
// and that they are the same bytes, in both ways in which a follower gives them
// out. contract is a token, or "" for the default; nothing may be under way, nor
// any more blocks come by time.
func verifyFollowers(t *testing.T, c *harness.Cluster, contract string, followers ...*harness.Follower) *verify.Ledger {
	t.Helper()
	ledger := verifyCluster(t, c, contract)
	_, reference, err := verify.Member(t.Context(), c.HTTP, c.Members[0].URL, contract)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range followers {
		if err := f.AwaitLength(t.Context(), contract, len(reference), patience); err != nil {
			t.Fatal(err)
		}
		_, served, err := verify.Member(t.Context(), f.HTTP, f.URL, contract)
		if err != nil {
			t.Fatal(err)
		}
		sameBlocks(t, f.ID, served, reference)
		streamed, err := f.Chain(t.Context(), contract)
		if err != nil {
			t.Fatal(err)
		}
		sameBlocks(t, f.ID, streamed, reference)
	}
	return ledger
}

func sameBlocks(t *testing.T, id string, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d blocks, the members have %d", id, len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("block %d differs:\nmembers: %s\n%s: %s", i+1, want[i], id, got[i])
		}
	}
}

// One node follows all contracts of a cluster, such as come later too, and
// single ones of another cluster.
func TestFollowTwoClusters(t *testing.T) {
	here := startCluster(t, harness.Options{Members: 1})
	there := startCluster(t, harness.Options{Members: 1, Contract: `{"token":"points","decimals":2,"wallets":"open"}`})
	createContract(t, there, `{"token":"miles","decimals":0,"wallets":"open","fees":"burn"}`)
	createContract(t, there, `{"token":"unwanted","wallets":"open"}`)

	f := startFollower(t, harness.FollowerOptions{ID: "f", Upstreams: here.URLs(),
		Contracts: map[string][]string{"points": there.URLs(), "miles": there.URLs()}})
	if err := f.AwaitReady(t.Context(), patience); err != nil {
		t.Fatal(err)
	}
	issuer, bob := sign.NewKey("issuer"), sign.NewKey("bob")
	createContract(t, here, fmt.Sprintf(`{"token":"late","wallets":"signed","issuer":"%s","supply":900}`, issuer.Address))
	if err := f.AwaitLength(t.Context(), "late", 1, patience); err != nil {
		t.Fatal(err)
	}

	var info struct {
		ChainID string `json:"chain_id"`
	}
	must(t, http.StatusOK, http.MethodGet, f.URL+"/v1/contracts/late", "").json(t, &info)
	signed := sign.Chain{ID: info.ChainID, Decimals: 6}.Sign(issuer, payment(bob, 7_000_000))
	for token, body := range map[string]string{
		"aka": transfer, "points": transfer, "miles": transfer, "late": signed.Body,
	} {
		must(t, http.StatusCreated, http.MethodPost, f.URL+"/v1/transactions?contract="+token, body)
	}
	tokens := map[string]*harness.Cluster{"aka": here, "late": here, "points": there, "miles": there}
	for _, token := range slices.Sorted(maps.Keys(tokens)) {
		if l := verifyFollowers(t, tokens[token], token, f); len(l.Records) != 1 || l.Contract.Token != token {
			t.Errorf("%s: %d records of %+v", token, len(l.Records), l.Contract)
		}
	}
	if a := call(t, http.MethodGet, f.URL+"/v1/contracts/unwanted", ""); a.status != http.StatusNotFound {
		t.Errorf("a contract that nobody asked for: %s", a)
	}
}

func createContract(t *testing.T, c *harness.Cluster, contract string) {
	t.Helper()
	must(t, http.StatusCreated, http.MethodPost, c.Members[0].URL+"/v1/contracts", contract)
	awaitSameIndex(t, c, c.Members[0])
}

// A follower makes itself known, and that is all: a member never calls an
// address that somebody has registered.
func TestAdvertise(t *testing.T) {
	c := startCluster(t, harness.Options{})
	var calls atomic.Int64
	advertised := httptest.NewUnstartedServer(http.NotFoundHandler())
	advertised.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			calls.Add(1)
		}
	}
	advertised.Start()
	defer advertised.Close()

	f := startFollower(t, harness.FollowerOptions{ID: "f", Upstreams: c.URLs(), Args: []string{"--advertise", advertised.URL}})
	if err := f.AwaitReady(t.Context(), patience); err != nil {
		t.Fatal(err)
	}
	address := advertised.Listener.Addr().String()
	for _, m := range c.Members {
		awaitNode(t, m, address)
	}
	// What a member does with nodes it would do by now.
	must(t, http.StatusCreated, http.MethodPost, f.URL+"/v1/transactions", transfer)
	must(t, http.StatusOK, http.MethodGet, c.Members[0].URL+"/mine", "")
	if l := verifyFollowers(t, c, "", f); len(l.Records) != 1 {
		t.Errorf("%d records", len(l.Records))
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("%d connections to the address that a follower registered", n)
	}
}
