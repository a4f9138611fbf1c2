package cli

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

// ShowProgress shows how far the chains are behind while they are: bars on a
// terminal, plain lines elsewhere. It returns when ctx ends.
func ShowProgress(ctx context.Context, log *slog.Logger, status func() []chainsync.ChainStatus) {
	b, every := &bars{}, lineEvery
	terminal := term.IsTerminal(int(os.Stderr.Fd()))
	if terminal {
		every = barEvery
	}
	defer b.End()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		chains := status()
		if terminal {
			b.show(chains)
			continue
		}
		for _, c := range chains {
			if !c.Synced {
				log.Info("syncing", "contract", c.Token, "blocks", c.Length, "of", c.UpstreamLength)
			}
		}
	}
}

// bars show one bar a chain until all have caught up, and again whenever one has
// fallen behind. A goroutine of the library draws them, and ends once all are done.
type bars struct {
	writer   progress.Writer              // nil: nothing is drawn
	trackers map[string]*progress.Tracker // by token
	drawn    chan struct{}                // closed when the goroutine has ended
}

func isBehind(c chainsync.ChainStatus) bool { return !c.Synced && c.UpstreamLength > c.Length }

func (b *bars) show(chains []chainsync.ChainStatus) {
	if !slices.ContainsFunc(chains, isBehind) {
		b.End()
		return
	}
	begin := b.writer == nil
	if begin {
		*b = bars{progress.NewWriter(), map[string]*progress.Tracker{}, make(chan struct{})}
		b.writer.SetOutputWriter(os.Stderr)
		b.writer.SetUpdateFrequency(barEvery)
		b.writer.SetStyle(progress.StyleBlocks)
		b.writer.SetAutoStop(true)
	}
	for _, c := range chains {
		t := b.trackers[c.Token]
		if t == nil && isBehind(c) {
			t = &progress.Tracker{Message: c.Token + ", blocks verified"}
			b.trackers[c.Token] = t
			b.writer.AppendTracker(t)
		}
		if t != nil {
			t.UpdateTotal(int64(c.UpstreamLength) + 1) // the library ends a full bar; end does that
			t.SetValue(int64(c.Length))
		}
	}
	if begin { // with something to draw: a drawing of nothing is done at once
		go func(w progress.Writer, drawn chan struct{}) {
			w.Render()
			close(drawn)
		}(b.writer, b.drawn)
	}
}

func (b *bars) End() {
	if b.writer == nil {
		return
	}
	for _, t := range b.trackers {
		t.MarkAsDone()
	}
	<-b.drawn
	b.writer = nil
}

// chainProgress shows how far the work on one chain is: a bar on a terminal, a
// line now and then elsewhere. Work that is quick shows nothing.
type chainProgress struct {
	name, done string // of the chain, its token when ""; what is done to blocks
	terminal   bool
	last       time.Time
	bars
}

func NewProgress(name, done string) *chainProgress {
	return &chainProgress{name: name, done: done, last: time.Now(), terminal: term.IsTerminal(int(os.Stderr.Fd()))}
}

// At says how far it is.
func (p *chainProgress) At(now audit.Progress) {
	bar, every, of := p.terminal && now.Total > 0, lineEvery, ""
	if bar {
		every = barEvery
	}
	if now.Blocks%16 > 0 || time.Since(p.last) < every { // the clock costs as much as a small block
		return
	}
	p.last = time.Now()
	name := cmp.Or(p.name, now.Token)
	if bar {
		p.show([]chainsync.ChainStatus{{Token: name, Length: now.Blocks, UpstreamLength: now.Total}})
		return
	}
	if now.Total > 0 {
		of = fmt.Sprintf(" of %d", now.Total)
	}
	fmt.Fprintf(os.Stderr, "%s: %d%s blocks %s\n", name, now.Blocks, of, p.done)
}
