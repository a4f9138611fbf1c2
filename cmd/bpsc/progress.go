package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"golang.org/x/term"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/follower/chainsync"
)

const (
	barEvery  = 200 * time.Millisecond // how often a bar on a terminal moves
	lineEvery = 5 * time.Second        // and how often a line says the same elsewhere
)

// showProgress shows how far the chains are behind while they are: bars on a
// terminal, plain lines elsewhere. It returns when ctx ends.
func showProgress(ctx context.Context, log *slog.Logger, status func() []chainsync.ChainStatus) {
	if term.IsTerminal(int(os.Stderr.Fd())) {
		showBars(ctx, status)
		return
	}
	tick := time.NewTicker(lineEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, c := range status() {
			if !c.Synced {
				log.Info("syncing", "contract", c.Token, "blocks", c.Length, "of", c.UpstreamLength)
			}
		}
	}
}

// showBars draws one bar a chain until all have caught up, and again whenever
// one has fallen behind.
func showBars(ctx context.Context, status func() []chainsync.ChainStatus) {
	tick := time.NewTicker(barEvery)
	defer tick.Stop()
	var b *bars
	for {
		chains := status()
		switch behind := slices.ContainsFunc(chains, isBehind); {
		case b == nil && behind:
			b = newBars(chains)
		case b != nil && behind:
			b.move(chains)
		case b != nil:
			b.end()
			b = nil
		}
		select {
		case <-ctx.Done():
			if b != nil {
				b.end()
			}
			return
		case <-tick.C:
		}
	}
}

func isBehind(c chainsync.ChainStatus) bool { return !c.Synced && c.UpstreamLength > c.Length }

// bars are drawn by a goroutine of the library, which ends once all are done.
type bars struct {
	writer   progress.Writer
	trackers map[string]*progress.Tracker // by token
	drawn    chan struct{}                // closed when the goroutine has ended
}

// newBars needs a chain that is behind: a drawing of nothing is done at once.
func newBars(chains []chainsync.ChainStatus) *bars {
	b := &bars{writer: progress.NewWriter(), trackers: map[string]*progress.Tracker{}, drawn: make(chan struct{})}
	b.writer.SetOutputWriter(os.Stderr)
	b.writer.SetUpdateFrequency(barEvery)
	b.writer.SetStyle(progress.StyleBlocks)
	b.writer.SetAutoStop(true)
	b.move(chains)
	go func() {
		b.writer.Render()
		close(b.drawn)
	}()
	return b
}

func (b *bars) move(chains []chainsync.ChainStatus) {
	for _, c := range chains {
		t := b.trackers[c.Token]
		if t == nil && isBehind(c) {
			t = &progress.Tracker{Message: c.Token + ", blocks verified"}
			b.trackers[c.Token] = t
			b.writer.AppendTracker(t)
		}
		if t == nil {
			continue
		}
		t.UpdateTotal(int64(c.UpstreamLength) + 1) // the library ends a full bar; end does that
		t.SetValue(int64(c.Length))
	}
}

func (b *bars) end() {
	for _, t := range b.trackers {
		t.MarkAsDone()
	}
	<-b.drawn
}

// chainProgress shows how far the work on one chain is: a bar on a terminal, a
// line now and then elsewhere. Work that is quick shows nothing.
type chainProgress struct {
	name, done string // of the chain, its token when ""; what is done to blocks
	terminal   bool
	last       time.Time
	bars       *bars
}

func newProgress(name, done string) *chainProgress {
	return &chainProgress{name: name, done: done, last: time.Now(), terminal: term.IsTerminal(int(os.Stderr.Fd()))}
}

// at says how far it is.
func (p *chainProgress) at(now audit.Progress) {
	bar, every := p.terminal && now.Total > 0, lineEvery
	if bar {
		every = barEvery
	}
	if now.Blocks%16 > 0 || time.Since(p.last) < every { // the clock costs as much as a small block
		return
	}
	p.last = time.Now()
	name := cmp.Or(p.name, now.Token)
	if !bar {
		of := ""
		if now.Total > 0 {
			of = fmt.Sprintf(" of %d", now.Total)
		}
		fmt.Fprintf(os.Stderr, "%s: %d%s blocks %s\n", name, now.Blocks, of, p.done)
		return
	}
	chains := []chainsync.ChainStatus{{Token: name, Length: now.Blocks, UpstreamLength: now.Total}}
	switch {
	case p.bars != nil:
		p.bars.move(chains)
	case now.Blocks < now.Total:
		p.bars = newBars(chains)
	}
}

func (p *chainProgress) end() {
	if p.bars != nil {
		p.bars.end()
	}
}
