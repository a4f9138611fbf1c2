package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/internal/harness"
)

// awaitNode waits until a member's directory has an address.
func awaitNode(t *testing.T, m *harness.Member, address string) {
	t.Helper()
	err := harness.Until(t.Context(), 10*time.Second, m.ID+" knows "+address, func(context.Context) error {
		if got := nodesOf(t, m.URL); !slices.Contains(got, address) {
			return fmt.Errorf("it knows %v", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func nodesOf(t *testing.T, url string) []string {
	t.Helper()
	var nodes struct{ Items []string }
	must(t, http.StatusOK, http.MethodGet, url+"/v1/nodes", "").json(t, &nodes)
	return nodes.Items
}

// smartChain is the tutorial's GET /smart/chain, in its two forms.
type smartChain struct {
	Message string
	New     []any `json:"smart chain"`
	Old     []any `json:"old chain"`
	Length  int
}

func getSmartChain(t *testing.T, url string) (s smartChain) {
	t.Helper()
	must(t, http.StatusOK, http.MethodGet, url+"/smart/chain", "").json(t, &s)
	return s
}

// The tutorial's nodes, nodes_v1 and nodes_v2, are one follower here.
func TestFollowerTutorial(t *testing.T) {
	c := startCluster(t, harness.Options{})
	createContract(t, c, `{"token":"single","wallets":"open","schedule":{"transactions":1}}`)
	f := follow(t, "f", c.URLs()...)
	bpsc := c.Members[0].URL

	t.Run("a transfer is passed on, and so is its answer", func(t *testing.T) {
		relayed := must(t, http.StatusCreated, http.MethodPost, f.URL+"/transactions/new", transfer)
		direct := must(t, http.StatusCreated, http.MethodPost, bpsc+"/transactions/new", transfer)
		var here, there map[string]any
		relayed.json(t, &here)
		direct.json(t, &there)
		if here["message"] != "Transaction will be added to Block 2" || here["message"] != there["message"] ||
			!slices.Equal(slices.Sorted(maps.Keys(here)), slices.Sorted(maps.Keys(there))) {
			t.Errorf("the follower answers %s, the BPSC %s", relayed, direct)
		}
		missing := must(t, http.StatusBadRequest, http.MethodPost, f.URL+"/transactions/new", `{"sender":"a","amount":12.5}`)
		var p harness.Problem
		if missing.json(t, &p); p.Detail != "Missing values" || p.Code != "missing_values" {
			t.Errorf("a transfer without a recipient: %s", missing)
		}
	})
	t.Run("it forges blocks of its own chain only", func(t *testing.T) { forgeOwn(t, f) })
	t.Run("the smart chain is the latest", func(t *testing.T) {
		must(t, http.StatusOK, http.MethodGet, bpsc+"/mine", "")
		if s := getSmartChain(t, f.URL); s.Message != "Smart chain update by bpsc" || s.Length != 2 || len(s.New) != 2 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("a transfer that completes a block", func(t *testing.T) {
		var forged struct {
			Message string
			Index   int
		}
		a := must(t, http.StatusCreated, http.MethodPost, f.URL+"/transactions/new?contract=single", transfer)
		if a.json(t, &forged); forged.Message != "New Block Forged" || forged.Index != 2 {
			t.Errorf("answered with %s", a)
		}
		verifyFollowers(t, c, "single", f)
	})
	t.Run("nodes are registered here", func(t *testing.T) {
		a := must(t, http.StatusCreated, http.MethodPost, f.URL+"/nodes/register", `{"nodes":["http://127.0.0.1:5001","127.0.0.1:5002"]}`)
		var answer struct {
			Message string
			Nodes   []string `json:"total_nodes"`
		}
		a.json(t, &answer)
		if answer.Message != "New nodes have been added" || !slices.Equal(answer.Nodes, []string{"127.0.0.1:5001", "127.0.0.1:5002"}) ||
			!slices.Equal(nodesOf(t, f.URL), answer.Nodes) {
			t.Errorf("%s; its nodes are %v", a, nodesOf(t, f.URL))
		}
		if got := nodesOf(t, bpsc); len(got) != 0 {
			t.Errorf("the BPSC knows %v", got)
		}
	})
	t.Run("the tutorial's own check accepts its chain", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), "python3", "testdata/follower.py", f.URL).CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "ok,") {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("without the BPSC there is the old chain", func(t *testing.T) { loseTheBPSC(t, c, f) })
	verifyFollowers(t, c, "", f)
}

// forgeOwn walks through nodes_v2.
func forgeOwn(t *testing.T, f *harness.Follower) {
	a := must(t, http.StatusCreated, http.MethodPost, f.URL+"/information/new", `{"information":{"name":"x","n":[1,2]}}`)
	var answer struct{ Message string }
	if a.json(t, &answer); answer.Message != "information will be added to Block 2" {
		t.Errorf("kept with %s", a)
	}
	var p harness.Problem
	missing := must(t, http.StatusBadRequest, http.MethodPost, f.URL+"/information/new", `{"x":1}`)
	if missing.json(t, &p); p.Detail != "Missing values" {
		t.Errorf("without information: %s", missing)
	}
	var b minedBlock
	must(t, http.StatusOK, http.MethodGet, f.URL+"/mine", "").json(t, &b)
	if b.Message != "New Block Forged" || b.Index != 2 || len(b.PreviousHash) != 64 || len(b.Information) != 1 ||
		canonicalText(b.Information[0].Information) != `{"n":[1,2],"name":"x"}` {
		t.Errorf("forged %+v", b)
	}
	texts, err := f.Personal(t.Context())
	if err == nil {
		_, err = verify.Personal(texts)
	}
	if err != nil || len(texts) != 2 {
		t.Errorf("%d blocks: %v", len(texts), err)
	}
	if s := getSmartChain(t, f.URL); s.Length != 1 {
		t.Errorf("the BPSC's chain has %d blocks, nobody has asked it for one", s.Length)
	}
}

// loseTheBPSC takes all members away and gives them back.
func loseTheBPSC(t *testing.T, c *harness.Cluster, f *harness.Follower) {
	if err := c.KillAll(); err != nil {
		t.Fatal(err)
	}
	if s := getSmartChain(t, f.URL); s.Message != "Unsuccessful: Please try again" || s.Length != 2 || len(s.Old) != 2 || s.New != nil {
		t.Errorf("%+v", s)
	}
	must(t, http.StatusOK, http.MethodGet, f.URL+"/v1/blocks/2", "")
	must(t, http.StatusOK, http.MethodGet, f.URL+"/mine", "")
	// A transfer waits until there is somebody to pass it on to.
	relayed := make(chan error, 1)
	go func() {
		_, err := c.Submit(t.Context(), f.URL, harness.Transfer{Sender: "a", Recipient: "b", Amount: "1", Key: "early"})
		relayed <- err
	}()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-relayed; err != nil {
		t.Errorf("a transfer that came while there was no member: %v", err)
	}
	err := harness.Until(t.Context(), 30*time.Second, "the chain comes from the BPSC again", func(context.Context) error {
		if s := getSmartChain(t, f.URL); s.Message != "Smart chain update by bpsc" {
			return errors.New(s.Message)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
