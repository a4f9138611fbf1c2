package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/harness"
)

// exitRemoved is how a process ends whose member was removed.
const exitRemoved = 9

// strikeMembers has an operator change who the members are. Whatever else goes wrong, in the end
// they are the ones that they were.
func (w *World) strikeMembers(s plan.Step, some []int) (struck, error) {
	if s.Fault == "member-added" {
		if w.guest == nil {
			return struck{}, errors.New("it takes a machine for one more")
		}
		g := w.guest
		return w.operation(g.ID, w.arrive(g), w.change(g, "member_exists", "cluster", "add", g.ID, g.Raft), w.ready(g),
			w.settle(s.For/2), w.depart(g), w.gone(g))
	}
	if len(some) == 0 {
		return struck{}, errNobody
	}
	m := w.Cluster.Members[some[0]]
	if s.Fault == "member-removed" {
		return w.operation(m.ID, w.depart(m), w.gone(m), w.settle(s.For/2),
			w.arrive(m), w.change(m, "member_exists", "cluster", "add", m.ID, m.Raft), w.ready(m))
	}
	return w.operation(m.ID, w.arrive(m), w.change(m, "member_not_empty", "cluster", "replace", m.ID), w.ready(m))
}

// ready is a step in which an operator waits until a member says that it is ready: one that is new votes
// before, and then reads and verifies the whole chain.
func (w *World) ready(m *harness.Member) step {
	return func(ctx context.Context) error {
		if !m.Alive() {
			return errStricken
		}
		return w.asked(ctx, &m.Process)
	}
}

// arrive is a step that starts a member on an empty folder, on which it waits until it is taken
// in. Where it runs it is killed, and its folder lost.
func (w *World) arrive(m *harness.Member) step {
	return func(context.Context) error {
		if w.stricken(m) {
			return errStricken
		}
		if err := errors.Join(m.Kill(), os.MkdirAll(m.Data, 0o700), empty(m.Data)); err != nil {
			return err
		}
		w.changing = m
		delete(w.out, m.ID)
		w.mark(m.ID, "starting", true)
		m.Also("--join")
		err := m.Start()
		m.Also("--join=false") // of any later start on an empty folder it is to be told
		return err
	}
}

// change is a step that runs a command which changes who the members are. Who votes meanwhile
// nobody knows for sure.
func (w *World) change(m *harness.Member, already string, args ...string) step {
	run := w.run(m, already, append(args, "--timeout", w.through(repairing).String())...)
	return func(ctx context.Context) error {
		if w.changing != m {
			w.changing = m
			w.note()
		}
		err := run(ctx)
		if err == nil {
			w.Tell("operator", 0, "bpsc %s", strings.Join(args, " "))
			w.changing = nil
			w.note()
			w.Load.Talk(w.nodes())
		}
		return err
	}
}

// depart is a step that has a member removed. Two voters may be what is left.
func (w *World) depart(m *harness.Member) step {
	remove := w.change(m, "member_unknown", "cluster", "remove", m.ID, "--two-voters")
	return func(ctx context.Context) error {
		if w.damage[m.ID] != "" {
			return errStricken // it is repaired first, as members are
		}
		w.leaving = m
		err := remove(ctx)
		if err == nil {
			w.leaving = nil
			w.out[m.ID] = true
			w.note()
			w.Load.Talk(w.nodes())
		}
		return err
	}
}

// left tells whether a process has ended as its member is removed: it may hear of that before the operator does.
func (w *World) left(ctx context.Context, p *harness.Process) bool {
	if w.leaving == nil || p != &w.leaving.Process || p.Alive() {
		return false
	}
	code, err := p.AwaitExit(ctx, time.Second)
	return err == nil && code == exitRemoved
}

// gone is a step in which a member that was removed ends, once it is told so.
func (w *World) gone(m *harness.Member) step {
	return func(ctx context.Context) error {
		switch {
		case w.stricken(m):
			return errStricken
		case m.Alive():
			return fmt.Errorf("%s runs still", m.ID)
		}
		if code, err := m.AwaitExit(ctx, time.Second); err != nil || code != exitRemoved {
			w.Tell("end", 0, "%s was removed, and ends with %d, %v", m.ID, code, err)
			w.ends = append(w.ends, rules.End{Node: m.ID, Code: code, Said: m.LogTail(12)})
		}
		return nil
	}
}

// stricken tells whether some other fault has a member: its process is not the operator's then.
func (w *World) stricken(m *harness.Member) bool {
	for why := range w.down[m.ID] {
		if why != "starting" {
			return true
		}
	}
	return false
}

// present are the members that there are at the moment, by number.
func (w *World) present() (all []int) {
	for i, m := range w.Cluster.Members {
		if !w.out[m.ID] {
			all = append(all, i)
		}
	}
	return all
}

// others are the members that there are but one.
func (w *World) others(but *harness.Member) []int {
	return slices.DeleteFunc(w.present(), func(i int) bool { return w.Cluster.Members[i] == but })
}
