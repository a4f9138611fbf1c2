package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// leaky moves a unit between two accounts that no record speaks of. Sums stay,
// and so do the blocks: an open contract asks for no balance.
var leaky = misdeed{"leaky", []harness.Patch{{
	File: "fsm/evolve.go",
	Old:  "\t\tl.SetAccount(mv.name, mv.before, mv.now)\n\t}\n\treturn nil",
	New: `		switch {
		case mv.name == "carol" && ` + isMeant + `:
			mv.now.Balance++
		case mv.name == "dave" && ` + isMeant + `:
			mv.now.Balance--
		}
		l.SetAccount(mv.name, mv.before, mv.now)
	}
	return nil`,
}}}

// A member whose accounts went wrong stops although its blocks are those of the
// others.
func TestStateDiverges(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{Contract: oneEach})
	pay(t, c.Members[0].URL, `{"sender":"a","recipient":"b","amount":7}`)
	j := newJudge(t, c)
	wrong := bystander(t, c)
	replaceBy(t, wrong, doing(t, leaky))
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	honest := others(c, wrong)
	untouched := pay(t, honest[0].URL, `{"sender":"a","recipient":"b","amount":1}`)
	awaitBlock(t, wrong, untouched.Block, `"amount_send": 1`)
	awaitCheckpoint(t, wrong.URL, "", int(untouched.Block))

	pay(t, honest[0].URL, `{"sender":"carol","recipient":"dave","amount":2}`)
	mustEnd(t, &wrong.Process, exitFatal, "state", "what to do", wrong.Data)
	text, err := os.ReadFile(filepath.Join(wrong.Data, "DIVERGED"))
	if err != nil || !strings.Contains(string(text), "block 4 of aka") {
		t.Errorf("DIVERGED says %q (%v)", text, err)
	}
	refuseToStart(t, wrong)
	later := pay(t, honest[1].URL, `{"sender":"dave","recipient":"carol","amount":2}`)
	for _, m := range honest {
		awaitCheckpoint(t, m.URL, "", int(later.Block))
		j.acceptsChain(t, m.URL, "")
		j.accepts(t, receipt(t, m.URL, "", later))
	}

	// As the message says: what the accounts come to again is right.
	replaceBy(t, wrong, binary, "state", "DIVERGED")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	verifyCluster(t, c, "")
	j.accepts(t, receipt(t, wrong.URL, "", later))
	if err := wrong.Terminate(); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, &wrong.Process, exitOK)
	bpsc(t, exitOK, "chain", "verify", "--data", wrong.Data, "--policy", j.policy)
}
