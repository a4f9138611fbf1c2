package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// rentDoubled makes a member decide one transfer differently, and everything
// after it right: in itself its chain is in order.
var rentDoubled = misdeed{"rent-doubled", []harness.Patch{{
	File: "fsm/submit.go",
	Old:  "\tif err := t.Validate(&h.Contract); err != nil {",
	New: `	if t.Memo == "the rent" && ` + isMeant + ` {
		altered := *t
		altered.Amount *= 2
		t = &altered
	}
	if err := t.Validate(&h.Contract); err != nil {`,
}}}

// shameless makes a member sign whatever it has, compare with nobody, and serve
// its own word as if it were a majority's.
var shameless = misdeed{"shameless", []harness.Patch{
	{File: "attest/compare.go", Old: "others[other] >= w.quorum(a.Size).Majority {", New: "others[other] >= w.quorum(a.Size).Majority && !" + isMeant + " {"},
	{File: "attest/resume.go", Old: "\tif last.Size == 0 {", New: "\tif last.Size == 0 || " + isMeant + " {"},
	{File: "attest/journal.go", Old: "\tcase last.Size == 0:\n", New: "\tcase last.Size == 0 || " + isMeant + ":\n"},
	{File: "attest/watch.go", Old: "s.Size == size && s.Root != a.Root {", New: "s.Size == size && s.Root != a.Root && !" + isMeant + " {"},
	{
		File: "attest/checkpoint.go", Old: "members >= q.Majority && len(agreed)-members >= q.Required {",
		New: "(members >= q.Majority && len(agreed)-members >= q.Required && !" + isMeant + " || members == 1 && " + isMeant + ") {",
	},
}}

// A member that has another history than the others stops. If it is made not
// to, nobody who has the policy takes anything from it; the others go on.
func TestAlteredHistory(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{Contract: oneEach})
	before := pay(t, c.Members[0].URL, `{"sender":"c","recipient":"d","amount":1}`)
	rent := pay(t, c.Members[0].URL, `{"sender":"a","recipient":"b","amount":700,"memo":"the rent"}`)
	after := pay(t, c.Members[0].URL, `{"sender":"b","recipient":"a","amount":3}`)
	j := newJudge(t, c)
	for _, m := range c.Members {
		awaitCheckpoint(t, m.URL, "", int(after.Block))
	}
	liar := bystander(t, c)
	honest := others(c, liar)
	goOn := func(t *testing.T) harness.Ack {
		t.Helper()
		ack := pay(t, honest[0].URL, `{"sender":"a","recipient":"b","amount":5}`)
		for _, m := range honest {
			awaitCheckpoint(t, m.URL, "", int(ack.Block))
			j.acceptsChain(t, m.URL, "")
			j.accepts(t, receipt(t, m.URL, "", rent), receipt(t, m.URL, "", ack))
		}
		return ack
	}

	t.Run("it stops and does not start again", func(t *testing.T) {
		altered := doing(t, rentDoubled)
		for _, own := range []struct {
			name string
			gone []string
		}{
			{"with what it signed", []string{"state"}},
			{"without what it signed", []string{"state", "attest"}},
		} {
			t.Run(own.name, func(t *testing.T) {
				kept := filepath.Join(t.TempDir(), "attest")
				copyData(t, kept, filepath.Join(liar.Data, "attest"))
				replaceBy(t, liar, altered, append(own.gone, "DIVERGED")...)
				mustEnd(t, &liar.Process, exitFatal, "what to do", liar.Data)
				if text, err := os.ReadFile(filepath.Join(liar.Data, "DIVERGED")); err != nil || !bytes.Contains(text, []byte("root")) {
					t.Errorf("DIVERGED says %q (%v)", text, err)
				}
				refuseToStart(t, liar)
				goOn(t)
				// A member without its journal is one that went back in time.
				if err := os.RemoveAll(filepath.Join(liar.Data, "attest")); err != nil {
					t.Fatal(err)
				}
				copyData(t, filepath.Join(liar.Data, "attest"), kept)
			})
		}
	})
	t.Run("it comes back as it should be", func(t *testing.T) {
		replaceBy(t, liar, binary, "state", "DIVERGED")
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if l := verifyCluster(t, c, ""); len(l.Records) != 5 {
			t.Errorf("%d records", len(l.Records))
		}
		j.accepts(t, receipt(t, liar.URL, "", rent))
	})
	t.Run("nothing that it serves is taken", func(t *testing.T) {
		replaceBy(t, liar, doing(t, shameless, rentDoubled), "state")
		awaitBlock(t, liar, rent.Block, `"amount_send": 1400`)
		later := goOn(t)
		note, _, err := getCheckpoint(t.Context(), client, honest[0].URL, "", int(later.Block))
		if err != nil {
			t.Fatal(err)
		}
		for _, of := range []harness.Ack{before, rent, after, later} {
			served := receipt(t, liar.URL, "", of)
			proof, own, _ := bytes.Cut(served, []byte("\n\n"))
			j.refuses(t, served, fmt.Appendf(nil, "%s\n\n%s", proof, note)) // nor under what the others signed
			if c, err := readCheckpoint(string(own)); err != nil || len(c.signers) != 1 {
				t.Errorf("it serves what %v signed (%v)", c.signers, err)
			}
		}
		bpsc(t, exitOK, "chain", "verify", "--server", liar.URL) // in itself it is in order
		j.refusesChain(t, liar.URL, "")
	})
}

// awaitBlock waits until a member serves a block, which has to hold a text.
func awaitBlock(t *testing.T, m *harness.Member, index uint64, text string) {
	t.Helper()
	err := harness.Until(t.Context(), patience, fmt.Sprintf("%s serves block %d", m.ID, index), func(ctx context.Context) error {
		if !m.Alive() {
			return harness.Permanent(errors.New(m.LogTail(10)))
		}
		block, err := getText(ctx, client, fmt.Sprintf("%s/v1/blocks/%d", m.URL, index))
		if err == nil && !bytes.Contains([]byte(block), []byte(text)) {
			err = harness.Permanent(fmt.Errorf("it has not %s: %s", text, block))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
