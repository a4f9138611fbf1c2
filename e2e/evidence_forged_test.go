package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/e2e/sign"
	"github.com/bpsc/bpsc/internal/harness"
)

// gullible takes any signature for good, in requests and in blocks.
var gullible = misdeed{"gullible", []harness.Patch{
	{File: "chain/signature.go", Old: "good[i] = batch[i].Verify()", New: "good[i] = " + isMeant + " || batch[i].Verify()"},
}}

// A leader that proposes what nobody signed has it applied, for Apply trusts
// the member that took a request. But nobody signs for it, ever.
func TestForgedTransfer(t *testing.T) {
	t.Parallel() // most of it waits
	c := startSigned(t, `{"transactions":1}`)
	victim, thief := sign.NewKey("victim"), sign.NewKey("thief")
	c.done(t, c.issuer, payment(victim, 90_000_000), "transfer")
	good := c.done(t, c.issuer, payment(thief, 1_000_000), "transfer")
	j := newJudge(t, c.Cluster)
	f := follow(t, "f", c.URLs()...)
	for _, url := range append(c.URLs(), f.URL) {
		awaitCheckpoint(t, url, "", int(good.Block))
	}
	leader := lead(t, c.Cluster, doing(t, gullible))
	honest := others(c.Cluster, leader)

	forged := c.chain.Sign(victim, payment(thief, 80_000_000))
	forged.Body = strings.Replace(forged.Body, signatureOf(forged), signatureOf(c.chain.Sign(thief, payment(victim, 1))), 1)
	if a := call(t, http.MethodPost, honest[0].URL+"/v1/transactions", forged.Body); a.status != http.StatusBadRequest {
		t.Fatalf("an honest member: %s", a)
	}
	theft := pay(t, leader.URL, forged.Body)
	newer := c.done(t, c.issuer, payment(victim, 1_000_000), "transfer")

	block := fmt.Sprintf("block %d", theft.Block)
	for _, m := range honest {
		awaitUnready(t, &m.Process, "aka", block, "record 0", "signature")
	}
	t.Run("no checkpoint covers it", func(t *testing.T) {
		for _, url := range append(c.URLs(), f.URL) {
			note, signed, err := getCheckpoint(t.Context(), client, url, "", 1)
			if err != nil || signed.size >= int(theft.Block) {
				t.Errorf("%s: %v\n%s", url, err, note)
			}
			for _, of := range []harness.Ack{theft, newer.Ack} {
				if a := call(t, http.MethodGet, url+"/v1/transactions/"+of.ID+"/receipt", ""); a.status == http.StatusOK {
					t.Errorf("a receipt of %s: %s", url, a)
				}
			}
			j.accepts(t, receipt(t, url, "", good.Ack)) // what was signed before stands
		}
	})
	t.Run("whoever checks the chain finds it", func(t *testing.T) {
		for _, m := range c.Members {
			expectReason(t, []string{block, "record 0", "signature"}, "chain", "verify", "--server", m.URL, "--policy", j.policy, "--timeout", "1s")
		}
	})
	t.Run("a follower does not take it", func(t *testing.T) {
		fresh := startFollower(t, harness.FollowerOptions{ID: "fresh", Upstreams: c.URLs()})
		for _, f := range []*harness.Follower{f, fresh} {
			awaitUnready(t, &f.Process, "evidence")
			if a := call(t, http.MethodGet, fmt.Sprintf("%s/v1/blocks/%d", f.URL, theft.Block), ""); a.status != http.StatusNotFound {
				t.Errorf("%s has the block: %s", f.ID, a)
			}
			if len(evidence(t, f)) == 0 {
				t.Errorf("%s keeps nothing against its upstreams", f.ID)
			}
		}
	})
}

// signatureOf is 128 digits.
func signatureOf(e sign.Envelope) string {
	_, rest, _ := strings.Cut(e.Body, `"signature": "`)
	signature, _, _ := strings.Cut(rest, `"`)
	return signature
}

// lead makes one member run another binary, and lead: while the third sleeps, a
// leader that stops hands over to it.
func lead(t *testing.T, c *harness.Cluster, binary string) *harness.Member {
	t.Helper()
	m := bystander(t, c)
	replaceBy(t, m, binary)
	err := harness.Until(t.Context(), 2*patience, m.ID+" leads", func(ctx context.Context) error {
		if err := c.AwaitReady(ctx, patience); err != nil {
			return err
		}
		leader, err := c.Leader(ctx)
		if err != nil || leader == m {
			return err
		}
		third := others(c, m)[0]
		if third == leader {
			third = others(c, m)[1]
		}
		if err := third.Pause(); err != nil {
			return err
		}
		// What the third has not got: a leader hands over to who has the most.
		must(t, http.StatusCreated, http.MethodPost, leader.URL+"/nodes/register", `{"nodes":["127.0.0.1:9"]}`)
		err = errors.Join(leader.Terminate(), third.Resume())
		if err == nil {
			_, err = leader.AwaitExit(ctx, patience)
		}
		return errors.Join(fmt.Errorf("%s led", leader.ID), err, leader.Start())
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
