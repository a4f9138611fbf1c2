package e2e

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// releasePeers are the members' addresses in scripts/release-data.sh.
const releasePeers = "n1=127.0.0.1:14811,n2=127.0.0.1:14812,n3=127.0.0.1:14813"

// The folders that each release has left behind: three members, a follower and a
// witness go on with them. What the release served is served, byte for byte, and
// what comes behind it verifies.
func TestDataOfReleases(t *testing.T) {
	archives, err := harness.ReleaseData()
	if err != nil {
		t.Fatal(err)
	}
	for version, archive := range archives {
		t.Run(version, func(t *testing.T) {
			dir := t.TempDir()
			if err := harness.Unpack(archive, dir); err != nil {
				t.Fatal(err)
			}
			goOn(t, dir)
		})
	}
}

func goOn(t *testing.T, dir string) {
	contract, err := os.ReadFile(filepath.Join(dir, "contract.json"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := harness.NewWitness(t.Context(), binary, dir, "w1")
	if err != nil {
		t.Fatal(err)
	}
	witnesses := filepath.Join(dir, "witnesses-now")
	if err := os.WriteFile(witnesses, []byte(w.Line), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := harness.New(harness.Options{Binary: binary, Dir: dir, Contract: string(contract), Args: []string{
		"--cluster", releasePeers, "--raft=", "--witnesses", witnesses, "--witness-quorum", "1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := harness.NewFollower(harness.FollowerOptions{Binary: binary, Dir: dir, ID: "f1", Upstreams: c.URLs()})
	if err != nil {
		t.Fatal(err)
	}
	all := []*harness.Process{&f.Process, &w.Process}
	for _, m := range c.Members {
		all = append(all, &m.Process)
	}
	for _, p := range all {
		t.Cleanup(func() {
			if err := p.Kill(); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				t.Logf("log of %s:\n%s", p.ID, p.LogTail(20))
			}
		})
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(c.AwaitReady(t.Context(), patience), f.AwaitReady(t.Context(), patience)); err != nil {
		t.Fatal(err)
	}
	for _, url := range append(c.URLs(), f.URL) {
		servesStill(t, dir, url)
	}

	ack := pay(t, c.Members[0].URL, `{"sender":"alice","recipient":"bob","amount":1}`)
	bpsc(t, 0, "send", "--from", "alice", "--to", "bob", "--amount", "1", "--contract", "gold", "--server", c.Members[1].URL,
		"--wallets", filepath.Join(dir, "wallets"), "--passphrase-file", filepath.Join(dir, "passphrase"))
	for _, token := range []string{"aka", "gold"} {
		ledger := verifyCluster(t, c, token)
		if err := f.AwaitLength(t.Context(), token, len(ledger.Blocks), patience); err != nil {
			t.Error(err)
		}
	}
	err = harness.Until(t.Context(), patience, "a checkpoint of the new record is witnessed", func(ctx context.Context) error {
		_, signed, err := getCheckpoint(ctx, client, c.Members[2].URL, "aka", int(ack.Block))
		if err == nil && len(cosigners(signed)) == 0 {
			err = errors.New("no witness has signed it")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// servesStill compares what a node serves with what the release served.
func servesStill(t *testing.T, dir, url string) {
	t.Helper()
	for _, token := range []string{"aka", "gold"} {
		want, err := os.ReadFile(filepath.Join(dir, "chains", token+".ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		err = harness.Until(t.Context(), patience, "its chain is there again", func(context.Context) error {
			got := must(t, http.StatusOK, http.MethodGet, url+"/smart/chain?from=1&contract="+token, "", "Accept: application/x-ndjson").body
			if len(got) < len(want) {
				return errors.New("blocks are missing")
			}
			if !bytes.HasPrefix(got, want) {
				return harness.Permanent(errors.New("it is another one"))
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s, %s: %v", url, token, err)
		}
	}
}
