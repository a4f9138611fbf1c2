package bench

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/bpsc/bpsc/internal/loadgen"
)

// How often what comes of a run is shown: on a terminal in one line, else in one after the
// other.
const (
	lineEvery    = time.Second
	elsewhereFor = 5 * time.Second
)

// progress shows how a run goes.
type progress struct {
	out              *os.File
	terminal         bool
	warmup, duration time.Duration
	every            time.Duration

	since  time.Duration // covered by what follows
	done   float64
	failed uint64
	shown  bool
}

func newProgress(out *os.File, warmup, duration time.Duration) *progress {
	p := &progress{out: out, terminal: term.IsTerminal(int(out.Fd())), warmup: warmup, duration: duration, every: elsewhereFor}
	if p.terminal {
		p.every = lineEvery
	}
	return p
}

// at takes a point, and now and then shows those since the last time.
func (p *progress) at(now loadgen.Point) {
	p.since += now.Length
	p.done += now.Rate * now.Length.Seconds()
	p.failed += now.Failed
	if p.since < p.every {
		return
	}
	where := fmt.Sprintf("%.0f of %.0f s", now.At.Seconds(), p.duration.Seconds())
	if now.At < 0 {
		where = "warming up"
	}
	line := fmt.Sprintf("%s: %.0f transfers/s, p50 %s, p99 %s, worst %s, failed %d", where, p.done/p.since.Seconds(),
		brief(now.P50), brief(now.P99), brief(now.Max), p.failed)
	if p.terminal {
		fmt.Fprintf(p.out, "\r\x1b[K%s", line)
		p.shown = true
	} else {
		fmt.Fprintln(p.out, line)
	}
	p.since, p.done, p.failed = 0, 0, 0
}

// end leaves an empty line where the next output begins.
func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

func brief(d time.Duration) time.Duration {
	if d > 100*time.Millisecond {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
