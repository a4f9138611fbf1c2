package lab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/faults/load"
	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/harness"
)

// grace is how late a block may come while there is a majority: a leader that is cut off makes
// way after a second or two, and the next one has to be elected.
const grace = 5 * time.Second

// settling bounds how long it takes until all that was acknowledged is in blocks everywhere.
const settling = 15 * time.Second

// judge reads all chains from all nodes, and holds what clients heard against them.
func (w *World) judge(ctx context.Context, res *Result) error {
	ops := w.Book.Take()
	res.Ops = len(ops)
	w.Sink(ops)
	for _, op := range ops {
		if op.Kind == history.Submit && op.Verdict == history.Done && !op.Replay {
			res.Acked++
		}
	}
	if err := history.Append(w.Dir+"/history.jsonl", ops); err != nil {
		return err
	}
	pages, shown := w.Load.Take()
	for _, c := range w.chains {
		own := slices.DeleteFunc(slices.Clone(ops), func(op history.Op) bool { return op.Contract != c.Token })
		if err := w.judgeChain(ctx, c, own); err != nil {
			return err
		}
		for _, p := range pages {
			if p.Contract == c.Token {
				w.found = append(w.found, rules.Pages(p.Name, p.IDs, c.byName[p.Account], 0)...)
			}
		}
		var seen, cosigned []rules.Checkpoint
		for _, s := range shown {
			switch {
			case s.Contract != c.Token:
				continue
			case s.Witness:
				cosigned = append(cosigned, s.Checkpoint)
			}
			seen = append(seen, s.Checkpoint)
		}
		w.found = append(w.found, rules.Checkpoints(seen, c.origin, &c.tree)...)
		w.found = append(w.found, rules.Cosigned(cosigned)...)
		w.judgeWitnessed(ctx, c)
	}
	if err := w.keepPolicies(ctx); err != nil {
		w.missed("the cluster's policies", err)
	}
	w.judgeRestored()
	return w.judgeStream(ctx, w.chains[0])
}

func (w *World) judgeChain(ctx context.Context, c *Chain, ops []history.Op) error {
	g, err := w.gather(ctx, c)
	if err != nil {
		return err
	}
	nodes := w.nodes()
	window := rules.Window{Contract: c.Token, Ops: ops, Earlier: w.earlier, Places: c.places, Records: g.records, Base: g.base, Balances: g.balances, Wallets: g.wallets, Holds: c.holds}
	var ids []string
	for _, op := range ops {
		if (op.Kind == history.Submit && op.Verdict == history.Refused || op.Kind == history.Status && op.Code != "") && !slices.Contains(ids, op.ID) {
			ids = append(ids, op.ID)
		}
	}
	n := nodes[len(ids)%len(w.present())]
	if window.Refused, err = w.Load.Fates(ctx, n, c.Token, ids, w.fair(settling)); err != nil {
		w.missed("what became of what was refused", err)
	}
	w.found = append(w.found, rules.Check(window)...)
	if c.every > 0 {
		w.found = append(w.found, rules.Schedule(g.blocks, c.every, w.fair(grace), w.without())...)
	}
	// What nobody knows yet may still come.
	for _, op := range ops {
		if op.Kind != history.Submit {
			continue
		}
		if _, there := c.places[op.ID]; op.Verdict == history.Unknown && !there {
			w.earlier[op.ID] = true
		}
	}
	return nil
}

// gather waits until nothing is pending, reads what the chain has gained from a member, has it
// verified, and compares it with what every other node has.
func (w *World) gather(ctx context.Context, c *Chain) (g gained, err error) {
	nodes := w.nodes()
	var at load.Standing
	err = harness.Until(ctx, w.fair(settling), "nothing is pending", func(ctx context.Context) (err error) {
		if at, err = w.Load.Standing(ctx, nodes[0], c.Token); err == nil && at.Pending > 0 {
			err = fmt.Errorf("%d records are", at.Pending)
		}
		return err
	})
	if err != nil {
		w.missed(c.Token, err)
		return g, err
	}
	quiet := rules.Quiet{Contract: c.Token, Said: at.Records}
	for _, n := range nodes {
		own := rules.Copy{Node: n.ID, First: c.Length() + 1}
		err := harness.Until(ctx, w.fair(settling), fmt.Sprintf("%s has %d blocks", n.ID, at.Length), func(ctx context.Context) (err error) {
			own.Blocks, err = w.fetch(ctx, n.URL, c.Token, own.First, at.Length)
			return err
		})
		if err != nil {
			w.missed(c.Token, err)
			return g, err
		}
		quiet.Copies = append(quiet.Copies, own)
	}
	g, quiet.Refuted = c.extend(quiet.Copies[0].Blocks)
	quiet.Counted = len(c.order)
	w.found = append(w.found, rules.Same(quiet)...)
	return g, quiet.Refuted
}

// judgeStream compares what a subscriber has seen with the chain, once he has all of it.
func (w *World) judgeStream(ctx context.Context, c *Chain) error {
	want := c.events[min(w.streamed, len(c.events)):]
	var got []rules.Event
	err := harness.Until(ctx, w.fair(settling), "the subscriber has all events", func(context.Context) (err error) {
		if got, err = w.stream.Events(w.streamed); err == nil && len(got) < len(want) {
			err = fmt.Errorf("he has %d of %d", len(got), len(want))
		}
		return err
	})
	w.found = append(w.found, rules.Stream("a subscriber of "+c.Token, got, want, err)...)
	w.streamed += min(len(got), len(want))
	return nil
}
