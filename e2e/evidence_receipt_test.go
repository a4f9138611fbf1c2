package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/e2e/sign"
	"github.com/bpsc/bpsc/internal/harness"
)

// receiptRoom is how large a receipt may be, beside a record that is larger
// than any here.
const receiptRoom = 8 << 10

// A receipt of any node proves its record to whoever has the policy, offline,
// and nothing else.
func TestReceipts(t *testing.T) {
	c := startSigned(t, `{"transactions":1}`)
	createContract(t, c.Cluster, `{"token":"points","wallets":"open","schedule":{"transactions":1}}`)
	f := follow(t, "f", c.URLs()...)
	bob := sign.NewKey("bob")
	signed := c.done(t, c.issuer, payment(bob, 7_000_000).With(sign.Fields{"memo": strings.Repeat("é", 120)}), "transfer")
	var open harness.Ack
	must(t, http.StatusCreated, http.MethodPost, c.Members[1].URL+"/v1/transactions?contract=points",
		`{"sender":"alice","recipient":"bob","amount":12.5}`).json(t, &open)
	j := newJudge(t, c.Cluster, "--any-chain")

	var kept [][]byte
	t.Run("of every node", func(t *testing.T) {
		var sentences []string
		for _, url := range append(c.URLs(), f.URL) {
			for _, of := range [][]byte{receipt(t, url, "points", open), receipt(t, url, "aka", signed.Ack)} {
				kept = append(kept, of)
				sentences = append(sentences, j.accepts(t, of)...)
				if len(of) > receiptRoom {
					t.Errorf("a receipt has %d bytes:\n%s", len(of), of)
				}
			}
		}
		if !strings.HasPrefix(sentences[0], "12.5 points from alice to bob in block 2 of chain points ") {
			t.Error(sentences[0])
		}
		if !strings.HasPrefix(sentences[1], fmt.Sprintf("7 aka from %s to %s in block %d of chain aka ", c.issuer.Address, bob.Address, signed.Block)) {
			t.Error(sentences[1])
		}
	})
	t.Run("by the command", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "r")
		bpsc(t, exitOK, "receipt", "get", open.ID, "--contract", "points", "--server", f.URL, "--file", file)
		of, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		j.accepts(t, of)
		bpsc(t, exitNotFound, "receipt", "get", strings.Repeat("0", 64), "--contract", "points", "--server", f.URL)
	})
	t.Run("after the leader's death", func(t *testing.T) {
		leader, err := c.Leader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := leader.Kill(); err != nil {
			t.Fatal(err)
		}
		later := c.done(t, c.issuer, payment(bob, 1_000_000), "transfer")
		rest := others(c.Cluster, leader)
		var two []byte
		for _, url := range []string{rest[0].URL, rest[1].URL, f.URL} {
			two = receipt(t, url, "aka", later.Ack)
			j.accepts(t, two, receipt(t, url, "points", open), receipt(t, url, "aka", signed.Ack))
		}
		kept = append(kept, two)
		flip(t, j, two)
	})
	t.Run("offline", func(t *testing.T) {
		if err := c.KillAll(); err != nil {
			t.Fatal(err)
		}
		if err := f.Kill(); err != nil {
			t.Fatal(err)
		}
		j.accepts(t, kept...)
	})
}

// flip changes single bits of a receipt that has as many signatures as it
// needs: then none of its bytes is one too many. The log's own is not needed here.
func flip(t *testing.T, j judge, good []byte) {
	t.Helper()
	if n := strings.Count(string(good), "\n— bpsc/n"); n != 2 {
		t.Fatalf("%d members signed:\n%s", n, good)
	}
	rng := rand.New(rand.NewPCG(seed(t), 6))
	good = regexp.MustCompile("(?m)^— bpsc/aka/.*\n").ReplaceAll(good, nil)
	var bad [][]byte
	for range 200 {
		b := slices.Clone(good)
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		bad = append(bad, b)
	}
	j.refuses(t, bad[:20]...)
	j.refusesToo(t, bad[20:]...)
}
