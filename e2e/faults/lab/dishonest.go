package lab

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bpsc/bpsc/e2e/faults/load"
	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/harness"
)

// dishonest is a member that runs a program that lies.
type dishonest struct {
	*harness.Member
	about string
}

// strikeProgram has a member run a program that lies from now on, until it is found out.
func (w *World) strikeProgram(s plan.Step, leader, other []int) (struck, error) {
	if w.Liar == "" {
		return struck{}, errors.New("it takes a program that lies")
	}
	one := other
	if s.Pick%3 == 0 || len(one) == 0 {
		one = leader
	}
	if len(one) == 0 {
		return struck{}, errNobody
	}
	d := &dishonest{w.Cluster.Members[one[0]], lies[s.Pick/3%uint64(len(lies))]}
	program := w.Liar + "+" + d.about
	if err := os.Link(w.Liar, program); err != nil && !errors.Is(err, os.ErrExist) {
		return struck{}, err
	}
	w.dishonest = d
	w.Load.Talk(w.nodes()) // before it says anything: what it says from now on counts for nothing
	d.Use(program)
	err := errors.Join(d.Kill(), w.restart(&d.Process))
	return struck{d.ID + ", about " + d.about, func(context.Context) error { return nil }}, err
}

// lying tells whether a member lies at the moment.
func (w *World) lying(m *harness.Member) bool { return w.dishonest != nil && w.dishonest.Member == m }

// unmask has those who verify look at what a member says that lies, and at what the others say, and then
// has it run the program again that it is to run.
func (w *World) unmask(ctx context.Context) error {
	d := w.dishonest
	if d == nil {
		return nil
	}
	for _, i := range w.present() {
		if err := w.await(ctx, &w.Cluster.Members[i].Process, w.through(starting)); err != nil {
			w.missed(w.Cluster.Members[i].ID+", of whom one lies", err)
		}
	}
	var err error
	switch d.about {
	case liesAmounts:
		err = w.mislead(ctx, d)
		w.auditChains(ctx, d)
	case liesRoots:
		w.auditChains(ctx, d)
		w.convict(ctx, d)
	case liesBalances:
		w.auditBalances(ctx, d)
	case liesSignatures:
		w.auditSignatures(ctx, d)
	}
	// The followers that were lied to may have evidence, and against nobody else.
	for _, f := range []*harness.Follower{w.Follower, w.victim} {
		accused, files, e := accusations(f.Data)
		told := len(accused)
		if f == w.victim && d.about == liesAmounts {
			told = max(told, 1)
		}
		w.lied = append(w.lied, rules.Lied{Follower: f.ID, Liars: []string{d.URL, w.liar.url}, Told: told, Accused: accused})
		err = errors.Join(err, e, w.dismiss(f, accused, files, nil))
	}
	w.liar.speakFor(w.Follower.URL)
	w.dishonest = nil
	d.Use(cmp.Or(w.release, w.Binary))
	return errors.Join(err, d.Kill(), w.restart(&d.Process))
}

// lag is how many blocks a follower has to ask for so that it is lied to: the newest has none after it.
const lag = 3

// mislead has a follower that starts come to a member first that lies about blocks that it has missed, and waits
// for evidence.
func (w *World) mislead(ctx context.Context, d *dishonest) error {
	w.liar.speakFor(d.URL)
	err := w.victim.Kill()
	if err == nil {
		err = w.grow(ctx, w.honest(d), lag)
	}
	err = errors.Join(err, w.restart(&w.victim.Process))
	late := harness.Until(ctx, w.fair(settling), "evidence", func(context.Context) error {
		accused, _, err := accusations(w.victim.Data)
		if err == nil && len(accused) == 0 {
			err = errors.New("there is none")
		}
		return err
	})
	if late != nil {
		w.Tell("evidence", 0, "%s has none against %s: %v", w.victim.ID, d.ID, late)
	}
	return err
}

// honest is a member that does not lie.
func (w *World) honest(d *dishonest) *harness.Member { return w.Cluster.Members[w.others(d.Member)[0]] }

// grow waits until a chain has so many blocks more, as a member has it.
func (w *World) grow(ctx context.Context, m *harness.Member, blocks int) error {
	first := 0
	return harness.Until(ctx, w.fair(settling), fmt.Sprintf("%d blocks more", blocks), func(ctx context.Context) error {
		now, err := w.Load.Standing(ctx, load.Node{ID: m.ID, URL: m.URL, Member: true}, load.Open)
		if err != nil {
			return err
		}
		if first == 0 {
			first = now.Length
		}
		if now.Length < first+blocks {
			return fmt.Errorf("there are %d, and were %d", now.Length, first)
		}
		return nil
	})
}

// invalid is how bpsc ends where what it verifies is not in order.
const invalid = 5

// auditChains has somebody with the policy verify the chain that the liar serves, and one other's.
func (w *World) auditChains(ctx context.Context, d *dishonest) {
	for _, m := range []*harness.Member{d.Member, w.honest(d)} {
		a := rules.Audit{Node: m.ID, Of: "its chain", Lies: m == d.Member}
		err := harness.Until(ctx, w.through(repairing), "a verdict on "+m.ID, func(ctx context.Context) error {
			_, err := w.answer(ctx, "chain", "verify", "--server", m.URL, "--contract", load.Open, "--policy", w.witnesses[0].Policy)
			if failed, ended := errors.AsType[*exec.ExitError](err); ended && failed.ExitCode() == invalid {
				a.Refuted, err = err, nil
			}
			return err
		})
		w.audited(a, err)
	}
}

// auditBalances has somebody ask all members for what an account had after some block, which all that
// have the block answer alike.
func (w *World) auditBalances(ctx context.Context, d *dishonest) {
	at, err := w.Load.Standing(ctx, w.nodes()[0], load.Open)
	said, votes := map[string]string{}, map[string]int{}
	for _, i := range w.present() {
		m := w.Cluster.Members[i]
		var a struct{ Balance json.Number }
		query := url.Values{"contract": {load.Open}, "at_block": {fmt.Sprint(at.Length)}}
		e := harness.Until(ctx, w.fair(settling), m.ID+" has the block", func(ctx context.Context) error {
			return harness.Get(ctx, w.http, m.URL+"/v1/accounts/w1?"+query.Encode(), &a)
		})
		said[m.ID], err = a.Balance.String(), errors.Join(err, e)
		votes[said[m.ID]]++
	}
	for _, i := range w.present() {
		m := w.Cluster.Members[i]
		a := rules.Audit{Node: m.ID, Of: "a balance", Lies: m == d.Member}
		if 2*votes[said[m.ID]] <= len(said) {
			a.Refuted = fmt.Errorf("it says %s, and all say %v", said[m.ID], said)
		}
		w.audited(a, err)
	}
}

// auditSignatures has somebody look at who has signed the next checkpoint: what the log was to say that
// nobody has signed is not there, and the others' signatures do without it.
func (w *World) auditSignatures(ctx context.Context, d *dishonest) {
	honest := w.honest(d)
	at, err := w.Load.Standing(ctx, load.Node{ID: honest.ID, URL: honest.URL, Member: true}, load.Open)
	keys, e := w.stolen([]int{w.index(d.ID)})
	a := rules.Audit{Node: d.ID, Of: "its signature", Lies: true}
	if err = errors.Join(err, e); err == nil {
		err = harness.Until(ctx, w.through(repairing), "a checkpoint without "+d.ID, func(ctx context.Context) error {
			note, err := w.text(ctx, honest.URL+"/v1/contracts/"+load.Open+"/checkpoint")
			if err != nil {
				return err
			}
			if sizeOf(note) <= at.Length {
				return fmt.Errorf("the newest is of %d blocks, and there were %d", sizeOf(note), at.Length)
			}
			a.Refuted = nil
			if !signedBy(note, keys[0]) {
				a.Refuted = fmt.Errorf("the checkpoint of %d blocks has none", sizeOf(note))
			}
			return nil
		})
	}
	w.audited(a, err)
}

// audited notes a verdict, or why there is none.
func (w *World) audited(a rules.Audit, failed error) {
	if failed != nil {
		w.missed("an audit of "+a.Of+" of "+a.Node, failed)
		return
	}
	verdict := "is in order"
	if a.Refuted != nil {
		verdict = "is refused: " + lastLine(a.Refuted.Error())
	}
	w.Tell("audit", 0, "%s of %s %s", a.Of, a.Node, short(verdict))
	w.audits = append(w.audits, a)
}

// convict holds a second root that a member shows against the one that it has signed with others.
func (w *World) convict(ctx context.Context, d *dishonest) {
	honest := w.honest(d)
	keys, err := w.stolen([]int{w.index(d.ID)})
	var one, second string
	if err == nil {
		err = harness.Until(ctx, w.fair(settling), "two roots of as many blocks", func(ctx context.Context) (err error) {
			shown := "/v1/contracts/" + load.Open + "/checkpoint"
			if one, err = w.text(ctx, honest.URL+shown); err == nil {
				second, err = w.text(ctx, d.URL+shown)
			}
			switch {
			case err != nil:
				return err
			case sizeOf(one) != sizeOf(second):
				return errors.New("they are of more blocks, and fewer")
			case !signedBy(one, keys[0]) || !signedBy(second, keys[0]):
				return fmt.Errorf("%s has not signed both", d.ID)
			}
			return nil
		})
	}
	file := filepath.Join(w.Dir, fmt.Sprintf("program-%d.evidence.json", w.Book.Now()))
	if err = errors.Join(err, os.WriteFile(file, evidence(one, second), 0o600)); err != nil {
		w.judged(rules.Trial{Evidence: "whoever has seen both", Guilty: []string{d.ID}, Failed: err})
		return
	}
	w.try(ctx, "whoever has seen both", file, []string{keys[0].owner()})
}

// dismiss does what a follower's operator does with evidence: looks at it, takes it away, and starts the
// follower again. What convicts by itself is tried, if somebody does.
func (w *World) dismiss(f *harness.Follower, accused, files []string, try func(file string)) error {
	if len(files) == 0 {
		return nil
	}
	w.Tell("evidence", 0, "%s has evidence against %s", f.ID, strings.Join(accused, ", "))
	err := f.Kill()
	for _, file := range files {
		kept := filepath.Join(w.Dir, f.ID+"-"+filepath.Base(file))
		err = errors.Join(err, os.Rename(file, kept))
		if try != nil && strings.HasSuffix(file, proofSuffix) {
			try(kept)
		}
	}
	return errors.Join(err, w.restart(&f.Process))
}
