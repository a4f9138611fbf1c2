package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/bpsc/bpsc/follower/chainsync"
)

// chainProgress shows how far the work on one chain is: a bar on a terminal, a
// line now and then elsewhere. Work that is quick shows nothing.
type chainProgress struct {
	token, done string
	total       uint64 // blocks; 0: nobody knows
	last        time.Time
	terminal    bool
	bars        *bars
}

func newProgress(token string, total uint64, done string) *chainProgress {
	return &chainProgress{token: token, total: total, done: done, last: time.Now(),
		terminal: total > 0 && term.IsTerminal(int(os.Stderr.Fd()))}
}

// at says that so many blocks are done.
func (p *chainProgress) at(blocks uint64) {
	every := lineEvery
	if p.terminal {
		every = barEvery
	}
	if blocks%16 > 0 || time.Since(p.last) < every { // the clock costs as much as a small block
		return
	}
	p.last = time.Now()
	if !p.terminal {
		of := ""
		if p.total > 0 {
			of = fmt.Sprintf(" of %d", p.total)
		}
		fmt.Fprintf(os.Stderr, "%s: %d%s blocks %s\n", p.token, blocks, of, p.done)
		return
	}
	now := []chainsync.ChainStatus{{Token: p.token, Length: blocks, UpstreamLength: p.total}}
	if p.bars == nil {
		if blocks < p.total {
			p.bars = newBars(now)
		}
		return
	}
	p.bars.move(now)
}

func (p *chainProgress) end() {
	if p.bars != nil {
		p.bars.end()
	}
}
