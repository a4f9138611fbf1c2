package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/harness"
)

// stopping is how long a member may take to stop in order; then it is killed.
const stopping = 15 * time.Second

// strikeRelease has members restarted by another release: all, and they stay with it until the
// next time, or some, that go back.
func (w *World) strikeRelease(s plan.Step) (struck, error) {
	if w.Next == "" {
		return struck{}, errors.New("it takes the binary of another release")
	}
	leader := w.leads()
	var order []*harness.Member
	for _, i := range w.present() {
		order = append(order, w.Cluster.Members[i])
	}
	slices.SortStableFunc(order, func(a, b *harness.Member) int {
		switch leader {
		case a.ID:
			return 1
		case b.ID:
			return -1
		}
		return 0
	})
	from, to := w.Binary, w.Next
	if w.release == w.Next {
		from, to = to, from
	}
	var steps []step
	if s.Fault == "rollback" {
		some := order[:1+s.Pick%2]
		for _, m := range some {
			steps = append(steps, w.restarted(m, to)...)
		}
		steps = append(steps, w.settle(s.For/4))
		for _, m := range slices.Backward(some) {
			steps = append(steps, w.restarted(m, from)...)
		}
		return w.operation(fmt.Sprintf("%d to %s, and back", len(some), w.what(to)), steps...)
	}
	if s.Fault == "activate" {
		return w.activate(order)
	}
	for _, m := range order {
		steps = append(steps, w.restarted(m, to)...)
	}
	w.release = to
	return w.operation("all to "+w.what(to), steps...)
}

// activate has all members upgraded, and what is new activated. No member goes back from then on, and this
// release is the other one: who is restarted later is so as in an upgrade, by the same program.
func (w *World) activate(order []*harness.Member) (struck, error) {
	if w.Binary == w.Next {
		return struck{}, errNobody
	}
	var steps []step
	for _, m := range order {
		if w.release != w.Next {
			steps = append(steps, w.restarted(m, w.Next)...)
		}
	}
	w.release = w.Next
	steps = append(steps, w.run(nil, "level_active", "cluster", "activate", harness.NextLevel, "--timeout", w.through(repairing).String()), func(context.Context) error {
		w.mu.Lock()
		w.Binary = w.Next // whoever comes later, and what an operator runs
		w.mu.Unlock()
		for _, m := range w.Cluster.Members {
			m.Use(w.Next)
		}
		for _, f := range []*harness.Follower{w.Follower, w.victim} {
			f.Use(w.Next)
		}
		return nil
	})
	return w.operation("level "+harness.NextLevel, steps...)
}

// program is what an operator runs. Any goroutine may ask.
func (w *World) program() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Binary
}

// what is a binary for people.
func (w *World) what(binary string) string {
	if binary == w.Next {
		return "the other release"
	}
	return "this release"
}

// restarted are the steps in which a member stops in order and starts as a binary. The next one
// comes when it is ready.
func (w *World) restarted(m *harness.Member, binary string) []step {
	var late time.Time
	return []step{
		func(context.Context) error {
			if len(w.down[m.ID]) > 0 || !m.Alive() {
				return errStricken
			}
			w.mark(m.ID, "restarting", true)
			late = time.Now().Add(w.fair(stopping))
			return m.Terminate()
		},
		func(ctx context.Context) error {
			if m.Alive() && time.Now().Before(late) {
				return fmt.Errorf("%s has not stopped", m.ID)
			}
			if m.Alive() {
				w.missed(m.ID+" was to stop", fmt.Errorf("it runs after %v", stopping))
				return m.Kill()
			}
			if code, err := m.AwaitExit(ctx, time.Second); err != nil || code != 0 {
				w.Tell("end", 0, "%s was to stop, and ends with %d, %v", m.ID, code, err)
				w.ends = append(w.ends, rules.End{Node: m.ID, Code: code, Said: m.LogTail(12)})
			}
			m.Use(binary)
			w.mark(m.ID, "starting", true)
			w.mark(m.ID, "restarting", false)
			return m.Start()
		},
		func(context.Context) error {
			if w.down[m.ID]["starting"] {
				return fmt.Errorf("%s is not ready", m.ID)
			}
			return nil
		},
	}
}
