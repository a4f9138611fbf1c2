package lab

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/harness"
)

// procedure is what an operator does, one step after the other, while other things fail. What is
// left of it when all faults have ended he goes on with, and nothing counts as healed before.
// There is one at a time.
type procedure struct {
	what  string
	steps []step
	began time.Time          // of the first step
	stop  context.CancelFunc // ends the command that runs, if any
}

// step is asked at every tick, and has been done once it says nil. It does not wait.
type step func(ctx context.Context) error

// Why a step has not been done yet.
var (
	errNotYet   = errors.New("it has not ended yet")
	errStricken = errors.New("something else is wrong with it")
)

// operation has an operator begin with something.
func (w *World) operation(what string, steps ...step) (struck, error) {
	w.procedure = &procedure{what: what, steps: steps, began: time.Now(), stop: func() {}}
	return struck{what, func(context.Context) error { return nil }}, nil
}

// operator has the operator begin with what a step of a plan says.
func (w *World) operator(s plan.Step, leader, other []int) (struck, error) {
	if w.procedure != nil {
		return struck{}, errors.New("the operator is still at something else")
	}
	some := other
	if s.Pick%3 == 0 || len(some) == 0 {
		some = leader
	}
	switch s.Fault {
	case "upgrade", "rollback", "activate":
		return w.strikeRelease(s)
	case "certificates", "certificate-ends", "authority":
		return w.strikeCertificates(s, some)
	case "restore":
		return w.restore(some)
	}
	return w.strikeMembers(s, some)
}

// proceed goes on with what the operator does, as far as that is possible now.
func (w *World) proceed(ctx context.Context) error {
	p := w.procedure
	for p != nil && len(p.steps) > 0 {
		if err := p.steps[0](ctx); err != nil {
			return err
		}
		p.steps = p.steps[1:]
	}
	if p != nil {
		w.Tell("operator", time.Since(p.began), "%s: done after %v", p.what, time.Since(p.began).Round(time.Millisecond))
		w.procedure = nil
	}
	return nil
}

// patience is for how long the laboratory goes on waiting for a procedure that has broken the rule: with who the
// members are left open there is no next round.
const patience = 3 * time.Minute

// finish brings what the operator does to its end, all faults having ended. What goes on while others
// last may have to wait for them, so that its time is counted from now on.
func (w *World) finish(ctx context.Context) error {
	if w.procedure == nil {
		return nil
	}
	w.hurry = true
	defer func() { w.hurry = false }()
	what, began, within := w.procedure.what, time.Now(), w.through(procedures)
	err := harness.Until(ctx, within+patience, what, func(ctx context.Context) error {
		w.supervise(ctx)
		if w.procedure != nil {
			return w.proceed(ctx)
		}
		return nil
	})
	w.procedures = append(w.procedures, rules.Wait{For: "the operator, at " + what, Took: time.Since(began), Within: within, Failed: err})
	return err
}

// settle is a step that lets some time go by, unless the round is over.
func (w *World) settle(lasts time.Duration) step {
	var until time.Time
	return func(context.Context) error {
		if until.IsZero() {
			until = time.Now().Add(lasts)
		}
		if !w.hurry && time.Now().Before(until) {
			return errNotYet
		}
		return nil
	}
}

// again is how long an operator waits before he has a command run again that was refused: too few
// members may be in reach, or another change under way.
const again = 300 * time.Millisecond

// doing is a step that goes on beside the laboratory, and is tried again until it succeeds.
func (w *World) doing(do func(ctx context.Context) error) step {
	var ended chan error
	var last error
	var at time.Time
	return func(ctx context.Context) error {
		if ended == nil {
			if time.Since(at) < again {
				return last
			}
			ended = make(chan error, 1)
			ctx, w.procedure.stop = context.WithCancel(ctx)
			w.commands.Go(func() { ended <- do(ctx) })
		}
		select {
		case last = <-ended:
			ended, at = nil, time.Now()
		default:
			return errNotYet
		}
		if last != nil {
			w.Tell("operator", 0, "%s", short(last.Error()))
		}
		return last
	}
}

// run is a step that runs bpsc with all members as its servers but one. What is already so, says a
// code, has been done by a try whose answer was lost.
func (w *World) run(but *harness.Member, already string, args ...string) step {
	var all []string // of the laboratory's own goroutine, before each try
	try := w.doing(func(ctx context.Context) error {
		err := w.command(ctx, all...)
		if err != nil && already != "" && strings.Contains(err.Error(), "("+already+")") {
			return nil
		}
		return err
	})
	return func(ctx context.Context) error {
		if all == nil {
			all = append(slices.Clone(args), w.asking(but)...)
		}
		return try(ctx)
	}
}
