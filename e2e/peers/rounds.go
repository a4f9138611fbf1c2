package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// plan is what is measured, and how long.
type plan struct {
	systems     []system
	loads       []load
	rounds      int
	warmup, row time.Duration
	dir         string // for the members' data
}

// cell names a figure of the table.
type cell struct {
	system string
	load   load
}

// outcomes are what was measured, by rounds.
type outcomes struct {
	cells    map[cell][]measured
	machine  machine
	problems []string // what could not be measured, and why
}

// machine is what this machine did by itself in each round.
type machine struct {
	sync       series // milliseconds for 256 bytes to the disk
	signatures series // a second, verified in batches on all cores
}

// series is one figure of a cell by rounds.
func (o *outcomes) series(system string, l load, figure func(measured) float64) series {
	var s series
	for _, m := range o.cells[cell{system, l}] {
		if m.Rate == 0 { // it was not measured
			s = append(s, math.NaN())
			continue
		}
		s = append(s, figure(m))
	}
	return s
}

func (o *outcomes) rates(system string, l load) series {
	return o.series(system, l, func(m measured) float64 { return m.Rate })
}

// has tells whether there is any figure of a load.
func (o *outcomes) has(system string, l load) bool { return len(o.rates(system, l).known()) > 0 }

// measure measures everything in rounds. In each, one system after the other is started
// afresh, loaded, and ended, so that none has the machine but the one that is measured; each
// round begins with another one.
func (p *plan) measure(ctx context.Context) (*outcomes, error) {
	o := &outcomes{cells: map[cell][]measured{}}
	for round := range p.rounds {
		if err := o.machine.measure(p.dir, p.needSignatures()); err != nil {
			return nil, err
		}
		for i := range p.systems {
			s := p.systems[(i+round)%len(p.systems)]
			progress("round %d of %d: %s", round+1, p.rounds, s.name())
			if err := p.round(ctx, o, s, fmt.Sprintf("%s-%d", folder(s), round+1)); err != nil {
				return nil, err
			}
		}
	}
	return o, nil
}

// round measures one system. What it cannot do is a gap in the table and no end of it: the
// other figures took minutes. Only an interruption ends all.
func (p *plan) round(ctx context.Context, o *outcomes, s system, name string) (err error) {
	dir := filepath.Join(p.dir, name)
	defer func() { err = errors.Join(err, killAll(s.members()), os.RemoveAll(dir)) }()
	problem := s.start(ctx, dir)
	for _, l := range p.loads {
		if !s.can(l) {
			continue
		}
		var m measured
		if problem == nil {
			m, problem = s.run(ctx, l, p.warmup, p.row)
		}
		if problem == nil {
			progress("  %-40s %9s a second", l, thousands(m.Rate))
		}
		at := cell{s.name(), l}
		o.cells[at] = append(o.cells[at], m)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if problem != nil {
		o.problems = append(o.problems, fmt.Sprintf("%s, %s: %v", s.name(), name, problem))
		progress("  %v", problem)
	}
	return nil
}

func (p *plan) needSignatures() bool {
	for _, l := range p.loads {
		if l.Signed && l.Batch > 1 {
			return true
		}
	}
	return false
}

// folder is a name for a system's data.
func folder(s system) string { return strings.ReplaceAll(s.name(), ", ", "-") }

// progress tells on the standard error what goes on.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
