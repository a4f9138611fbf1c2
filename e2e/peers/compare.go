package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"runtime"
	"time"
)

// compareOptions are the flags of peers compare.
type compareOptions struct {
	timing
	base, head string // binaries of bpsc
	data       string
}

// compare prints the ratio of one build of bpsc to another. That one is slower is no failure:
// whether it matters is for whoever reads it.
func compare(ctx context.Context, args []string) error {
	var o compareOptions
	f := flag.NewFlagSet("peers compare", flag.ContinueOnError)
	o.flags(f, 5, 2*time.Second)
	f.StringVar(&o.base, "base", "", "the bpsc to compare with")
	f.StringVar(&o.head, "head", ".bpsc/bin/bpsc", "the bpsc to judge; its bench loads both")
	f.StringVar(&o.data, "data", ".bpsc/bench", "folder for the members' data, on the disk that is measured")
	if err := f.Parse(args); err != nil {
		return err
	}
	if o.base == "" {
		return fmt.Errorf("%w; -base is missing", errUsage)
	}
	if err := o.settle(f); err != nil {
		return err
	}
	return inFolder(o.data, func(dir string) error { return o.run(ctx, dir) })
}

// The names of the two builds.
const (
	before = "before"
	now    = "now"
)

func (o *compareOptions) run(ctx context.Context, dir string) error {
	ports, c := newFreePorts(), newCommands(dir)
	build := func(label, binary string) system {
		return &bpsc{label: label, server: binary, tool: o.head, ports: ports, rates: counted{}, commands: c}
	}
	p := &plan{
		systems: []system{build(before, o.base), build(now, o.head)}, dir: dir,
		rounds: o.rounds, warmup: o.warmup, row: o.row,
		loads: []load{single1, single256, signed256, batches, signedBatches},
	}
	out, err := p.measure(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("Three members and the load on %d cores, %d rounds of %s in turns; now : before, medians with the lowest and the highest.\n\n%s\n%s\n",
		runtime.NumCPU(), o.rounds, o.row, out.changes(p.loads), legend)
	for _, problem := range out.problems {
		fmt.Printf("- not measured: %s\n", problem)
	}
	if len(out.rates(now, single1).known()) == 0 {
		return errors.New("the build to judge could not be measured at all")
	}
	return nil
}

const legend = "\"noise\" is a change of less than 3 %, or within half the spread, or that not all of five rounds agree on. The\n" +
	"members' time of a core says more than the rate where other things run on the machine."

// changes is the table of what is different now.
func (o *outcomes) changes(loads []load) string {
	t := table{header: []string{"load", "before, a second", "now", "rate", "", "members' time of a core", ""}}
	for _, l := range loads {
		rate := func(m measured) float64 { return m.Rate }
		cost := func(m measured) float64 { return m.Members }
		rates := o.series(now, l, rate).over(o.series(before, l, rate))
		costs := o.series(now, l, cost).over(o.series(before, l, cost))
		t.add(l.String(), o.rates(before, l).text(thousands), o.rates(now, l).text(thousands),
			rates.text(ratio), verdict(rates, "faster", "slower"), costs.text(ratio), verdict(costs, "more", "less"))
	}
	return t.String()
}

// What a change is that is spoken of.
const (
	smallest = 0.03 // as a share
	enough   = 5    // rounds: that five agree by chance has a probability of 1 in 16
)

// verdict says which way ratios go: up or down where all of enough rounds agree on it, and the
// median is further off than a few percent and than half of what lies between the rounds.
func verdict(ratios series, up, down string) string {
	sorted := ratios.known()
	if len(sorted) == 0 {
		return "not measured"
	}
	lowest, highest := sorted[0], sorted[len(sorted)-1]
	change := math.Abs(ratios.median() - 1)
	switch {
	case len(sorted) < enough, change < smallest, change < (highest-lowest)/2:
		return "noise"
	case lowest > 1:
		return up
	case highest < 1:
		return down
	}
	return "noise"
}
