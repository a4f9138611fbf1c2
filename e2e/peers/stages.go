package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/pprof/profile"
)

// stagesOptions are the flags of peers stages.
type stagesOptions struct {
	timing
	binary string
	data   string
	args   string // of each member
}

// byStage prints what a transfer costs the leader and each other member, by stage: from a CPU
// profile of each while it is loaded, and the processor time that the processes used.
func byStage(ctx context.Context, args []string) error {
	var o stagesOptions
	f := flag.NewFlagSet("peers stages", flag.ContinueOnError)
	o.flags(f, 3, 6*time.Second)
	f.StringVar(&o.binary, "binary", ".bpsc/bin/bpsc", "the bpsc to measure")
	f.StringVar(&o.data, "data", ".bpsc/bench", "folder for the members' data, on the disk that is measured")
	f.StringVar(&o.args, "member-args", "", "further arguments of each member, separated by blanks")
	if err := f.Parse(args); err != nil {
		return err
	}
	if err := o.settle(f); err != nil {
		return err
	}
	return inFolder(o.data, func(dir string) error { return o.run(ctx, dir) })
}

// column is what a load costs, microseconds of a core for each transfer.
type column struct {
	load
	rate                 series
	leader, others, tool series   // in all; of the others the mean
	leaderBy, othersBy   []series // by stage, the rest behind them
}

func (o *stagesOptions) run(ctx context.Context, dir string) error {
	b := &bpsc{
		label: "bpsc", server: o.binary, tool: o.binary, args: strings.Fields(o.args), admin: true,
		ports: newFreePorts(), rates: counted{}, commands: newCommands(dir),
	}
	var columns []*column
	for _, l := range []load{single1, single64, single256, signed256, batches, signedBatches} {
		columns = append(columns, &column{load: l, leaderBy: make([]series, len(stages)+1), othersBy: make([]series, len(stages)+1)})
	}
	for round := range o.rounds {
		progress("round %d of %d", round+1, o.rounds)
		for i, c := range columns {
			if err := o.one(ctx, b, c, fmt.Sprintf("%s/%d-%d", dir, round, i)); err != nil {
				return fmt.Errorf("%s: %w", c, err)
			}
			progress("  %-40s %9s a second", c.load, thousands(c.rate[len(c.rate)-1]))
		}
	}
	fmt.Printf("Microseconds of a core a transfer, leader / each other member; medians of %d rounds of %s on %d cores.\n\n%s",
		o.rounds, o.row, runtime.NumCPU(), stageTable(columns))
	return nil
}

// one measures a load in a round, with members that are new.
func (o *stagesOptions) one(ctx context.Context, b *bpsc, c *column, dir string) (err error) {
	defer func() { err = errors.Join(err, killAll(b.members())) }()
	if err := b.start(ctx, dir); err != nil {
		return err
	}
	leader, err := b.leader(ctx)
	if err != nil {
		return err
	}
	before, err := b.applied(ctx, leader)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var m measured
	ended := make(chan error, 1)
	go func() {
		var err error
		m, err = b.run(ctx, c.load, o.warmup, o.row)
		if err != nil {
			stop() // the profiles are of no use
		}
		ended <- err
	}()
	profiles, err := o.profiles(ctx, b, leader, before)
	if ranOut := <-ended; ranOut != nil {
		return ranOut
	}
	if err != nil {
		return err
	}
	c.add(m, leader, profiles)
	return nil
}

// profiles are those of the members, taken once the load has begun and the warm-up is over:
// what is signed beforehand is no part of them.
func (o *stagesOptions) profiles(ctx context.Context, b *bpsc, leader, before int) ([]*profile.Profile, error) {
	err := until(ctx, startLimit, "the load begins", func(ctx context.Context) error {
		now, err := b.applied(ctx, leader)
		if err == nil && now < before+10 {
			err = errors.New("nothing is applied yet")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(o.warmup):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	long := max(1, int(o.row.Seconds()*0.8))
	profiles, errs := make([]*profile.Profile, len(b.admins)), make([]error, len(b.admins))
	var all sync.WaitGroup
	for i, at := range b.admins {
		all.Go(func() { profiles[i], errs[i] = cpuProfile(ctx, at, long) })
	}
	all.Wait()
	return profiles, errors.Join(errs...)
}

// cpuProfile has a member measure where its processor time goes.
func cpuProfile(ctx context.Context, admin string, seconds int) (*profile.Profile, error) {
	text, err := ask(ctx, http.MethodGet, "http://"+admin+"/debug/pprof/profile?seconds="+strconv.Itoa(seconds), "")
	if err != nil {
		return nil, err
	}
	return profile.Parse(bytes.NewReader(text))
}

// add takes what a round has shown.
func (c *column) add(m measured, leader int, profiles []*profile.Profile) {
	others := (m.Members - m.Leader) / float64(len(profiles)-1)
	c.rate, c.tool = append(c.rate, m.Rate), append(c.tool, m.Tool)
	c.leader, c.others = append(c.leader, m.Leader), append(c.others, others)
	mean := make([]float64, len(stages)+1)
	for i, p := range profiles {
		for at, share := range shares(p) {
			if i == leader {
				c.leaderBy[at] = append(c.leaderBy[at], share*m.Leader)
				continue
			}
			mean[at] += share / float64(len(profiles)-1)
		}
	}
	for at, share := range mean {
		c.othersBy[at] = append(c.othersBy[at], share*others)
	}
}

// stageTable has a row for each stage that costs anything.
func stageTable(columns []*column) string {
	t := table{header: []string{"stage"}}
	for _, c := range columns {
		t.header = append(t.header, c.String())
	}
	row := func(name string, cells func(c *column) (leader, others series)) {
		line, something := []string{name}, false
		for _, c := range columns {
			leader, others := cells(c)
			text := microseconds(leader.median()) + " / " + microseconds(others.median())
			something = something || text != "– / –"
			line = append(line, text)
		}
		if something {
			t.add(line...)
		}
	}
	for at := range len(stages) + 1 {
		name := other
		if at < len(stages) {
			name = stages[at].name
		}
		row(name, func(c *column) (leader, others series) { return c.leaderBy[at], c.othersBy[at] })
	}
	row("**all**", func(c *column) (leader, others series) { return c.leader, c.others })
	line, rates := []string{"the load's tool"}, []string{"transfers a second"}
	for _, c := range columns {
		line, rates = append(line, microseconds(c.tool.median())), append(rates, c.rate.text(thousands))
	}
	t.add(line...)
	t.add(rates...)
	return t.String()
}

// microseconds writes what a stage costs to three digits; nothing to see is a dash.
func microseconds(v float64) string {
	switch {
	case !(v >= 0.005):
		return "–"
	case v < 1:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
