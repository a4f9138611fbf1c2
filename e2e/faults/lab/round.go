package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/load"
	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/harness"
)

// service is how soon after healing everything has to be as ever, without anybody's help.
const service = 5 * time.Second

// Result is what a round came to.
type Result struct {
	Plan     plan.Round
	Began    time.Duration
	Healed   time.Duration // how long it took until all was as ever
	Ops      int
	Acked    int
	Findings []rules.Finding
}

// Round has clients at work while a plan goes wrong, heals everything, and judges. An error
// is one of the laboratory's, after which it cannot go on.
func (w *World) Round(ctx context.Context, r plan.Round) (Result, error) {
	res := Result{Plan: r, Began: w.Book.Now()}
	w.found, w.observed, w.excuse, w.crowd = nil, observed{}, map[string]bool{}, false
	w.Load.Talk(w.nodes())
	w.Load.Start(ctx, r.Seed, uint64(r.Number))
	err := w.suffer(ctx, r)
	if err == nil {
		res.Healed, err = w.heal(ctx, fmt.Sprintf("probe-%d-%d", r.Seed, r.Number))
	}
	for _, id := range w.Load.Stop(w.fair(settling)) {
		w.missed("what became of "+id, errors.New("nobody could learn it"))
	}
	if err == nil && ctx.Err() == nil {
		err = w.judge(ctx, &res)
	}
	w.judgeObserved()
	res.Findings = w.found
	if ctx.Err() != nil { // what nobody waited for is no finding
		res.Findings = nil
		return res, ctx.Err()
	}
	for _, f := range res.Findings {
		w.Tell("VIOLATED", 0, "%s", f)
	}
	return res, err
}

// event is a beginning or an end of a fault.
type event struct {
	at time.Duration
	do func(ctx context.Context)
}

// tick is how exactly a plan is kept.
const tick = 20 * time.Millisecond

// suffer carries out a plan.
func (w *World) suffer(ctx context.Context, r plan.Round) error {
	began := time.Now()
	var agenda []event
	for _, s := range r.Steps {
		agenda = append(agenda, event{s.At, func(ctx context.Context) {
			hit, err := w.strike(ctx, s)
			if errors.Is(err, errNobody) {
				return
			}
			if err != nil {
				w.Tell("skipped", 0, "%s: %v", s.Fault, err)
			}
			if hit.end == nil {
				return
			}
			lasts := min(s.For, r.Length-time.Since(began))
			w.Tell("fault", lasts, "%s: %s", s.Fault, hit.who)
			agenda = append(agenda, event{time.Since(began) + lasts, func(ctx context.Context) {
				if err := hit.end(ctx); err != nil {
					w.Tell("skipped", 0, "the end of %s: %v", s.Fault, err)
				}
			}})
		}})
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for len(agenda) > 0 || time.Since(began) < r.Length {
		slices.SortStableFunc(agenda, func(a, b event) int { return int(a.at - b.at) })
		for len(agenda) > 0 && agenda[0].at <= time.Since(began) {
			next := agenda[0]
			agenda = agenda[1:]
			next.do(ctx)
		}
		w.supervise(ctx)
		_ = w.proceed(ctx) // what it waits for matters when all else has ended
		select {
		case <-ctx.Done():
			// What has come has to go: a machine off its wire, a process that stands still.
			for _, e := range agenda {
				if e.at > time.Since(began) {
					continue
				}
				e.do(context.WithoutCancel(ctx))
			}
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil
}

// supervise does what systemd does: it starts what has ended by itself. That is told, and a
// finding where nothing excuses it.
func (w *World) supervise(ctx context.Context) {
	for _, p := range w.processes() {
		wrong := w.down[p.ID]
		switch {
		case w.left(ctx, p): // it is no member any more, as the operator will hear
		case p.Alive() && wrong["starting"]:
			if w.asked(ctx, p) == nil {
				w.mark(p.ID, "starting", false)
			}
		case !p.Alive() && !wrong["killed"] && !wrong["damaged"] && !wrong["restarting"]:
			w.revive(ctx, p)
		}
	}
}

// asked is what a process says that is asked whether it is ready, and does not keep waiting who asks.
func (w *World) asked(ctx context.Context, p *harness.Process) error {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	return harness.Get(ctx, w.http, w.healthy(p), nil)
}

// pause is how long a supervisor waits before it starts again what ends.
const pause = time.Second

// revive tells that a process has ended by itself, once, and starts it after a while.
func (w *World) revive(ctx context.Context, p *harness.Process) {
	at, told := w.ended[p.ID]
	if !told {
		code, _ := p.AwaitExit(ctx, time.Second)
		w.ended[p.ID] = time.Now()
		w.mark(p.ID, "ended", true)
		w.Tell("end", 0, "%s has ended by itself with %d: %s", p.ID, code, short(p.LogTail(1)))
		w.ends = append(w.ends, rules.End{Node: p.ID, Code: code, Excused: w.excuse[p.ID], Said: p.LogTail(12)})
		return
	}
	if time.Since(at) < pause {
		return
	}
	delete(w.ended, p.ID)
	if err := w.restart(p); err != nil {
		w.Tell("skipped", 0, "start of %s: %v", p.ID, err)
	}
	w.mark(p.ID, "ended", false)
}

// heal waits until everything is as ever: all faults have ended, and from then on nobody helps.
func (w *World) heal(ctx context.Context, key string) (time.Duration, error) {
	for _, p := range w.processes() {
		delete(w.ended, p.ID)
		w.mark(p.ID, "ended", false)
		if w.damage[p.ID] != "" || w.down[p.ID]["restarting"] || w.left(ctx, p) {
			continue
		}
		if err := w.restart(p); err != nil {
			return 0, err
		}
	}
	w.repair(ctx)
	if err := w.finish(ctx); err != nil {
		return 0, err // who the members are is not as the next round has it
	}
	if err := errors.Join(w.unmask(ctx), w.hear(ctx)); err != nil {
		return 0, err
	}
	w.Load.Talk(w.nodes())
	w.Tell("healed", 0, "all faults have ended")
	began := time.Now()
	probed := make(chan []load.Probed, 1)
	go func() { probed <- w.Load.Probe(ctx, key, 4*service) }()
	waits := w.awaitAll(ctx, 4*service)
	for _, p := range <-probed {
		waits = append(waits, rules.Wait{For: "a transfer through " + p.ID, Took: p.Took, Failed: p.Failed})
	}
	took, bound := time.Since(began), w.fair(service)
	for _, wait := range waits {
		wait.Within = bound
		w.waits = append(w.waits, wait)
	}
	w.supervise(ctx)
	return took, nil
}

// awaitAll waits until each process has said that it is ready, and tells how long each took.
func (w *World) awaitAll(ctx context.Context, limit time.Duration) (waits []rules.Wait) {
	began, ready := time.Now(), map[string]bool{}
	err := harness.Until(ctx, limit, "all are ready", func(ctx context.Context) error {
		w.supervise(ctx)
		var not []error
		for _, p := range w.processes() {
			if ready[p.ID] {
				continue
			}
			if err := w.asked(ctx, p); err != nil {
				not = append(not, fmt.Errorf("%s: %w", p.ID, err))
				continue
			}
			ready[p.ID] = true
			waits = append(waits, rules.Wait{For: p.ID + " to be ready", Took: time.Since(began)})
		}
		return errors.Join(not...)
	})
	for _, p := range w.processes() {
		if !ready[p.ID] {
			waits = append(waits, rules.Wait{For: p.ID + " to be ready", Took: time.Since(began), Failed: err})
		}
	}
	return waits
}
