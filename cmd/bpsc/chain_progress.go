package main

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/follower/chainsync"
)

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
