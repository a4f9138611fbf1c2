package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// wanted is how many times as fast as a peer bpsc is to be at a load; 0 for none.
type wanted struct {
	load       load
	etcd, nats float64
	wal        float64 // of both, with raft-wal; 0 where it does not differ
}

// The figures that are wanted, of this machine in the same run.
const (
	wantedBatches    = 10  // open batches of 1,000 : single open at 256
	wantedSignatures = 0.7 // signed batches : the machine's own rate, a third of it for each member
	wantedMedian     = 40  // ms from a kill to an acknowledged write
	wantedWorst      = 200 // ms, of 50 kills
	peerMembers      = 3   // on these cores
)

var (
	single1       = load{Connections: 1, Batch: 1}
	single64      = load{Connections: 64, Batch: 1}
	single256     = load{Connections: 256, Batch: 1}
	signed256     = load{Connections: 256, Batch: 1, Signed: true}
	batches       = load{Connections: 8, Batch: 1000}
	signedBatches = load{Connections: 8, Batch: 1000, Signed: true}
)

// comparable is the peers' load beside which one of ours is put: they know no signatures.
func (l load) comparable() load {
	l.Signed = false
	return l
}

// goal is what is wanted of a load.
func goal(l load) wanted {
	switch l {
	case single256, single64:
		return wanted{load: l, etcd: 3, nats: 2}
	case single1:
		return wanted{load: l, etcd: 1, nats: 1, wal: 1.3}
	case signed256:
		return wanted{load: l, etcd: 1.5}
	}
	return wanted{load: l}
}

func (w wanted) String() string {
	switch {
	case w.wal != 0:
		return fmt.Sprintf("≥ %v, wal ≥ %v", w.etcd, w.wal)
	case w.nats != 0:
		return fmt.Sprintf("≥ %v / ≥ %v", w.etcd, w.nats)
	case w.etcd != 0:
		return fmt.Sprintf("≥ %v", w.etcd)
	}
	return ""
}

// sideBySide is the table of rates: systems, the ratio of each of ours to each peer, and what
// is wanted of it.
func (o *outcomes) sideBySide(loads []load, ours, peers []string) string {
	t := table{header: slices.Concat([]string{"a second"}, ours, peers)}
	for _, our := range ours {
		for _, peer := range peers {
			t.header = append(t.header, short(our)+" : "+peer)
		}
	}
	t.header = append(t.header, strings.TrimSpace("wanted : "+strings.Join(peers, " / ")))
	for _, l := range loads {
		row := []string{l.String()}
		for _, name := range slices.Concat(ours, peers) {
			row = append(row, o.rates(name, l).text(thousands))
		}
		for _, our := range ours {
			for _, peer := range peers {
				row = append(row, o.rates(our, l).over(o.rates(peer, l.comparable())).text(ratio))
			}
		}
		t.add(append(row, goal(l).String())...)
	}
	return t.String()
}

// short is the log store of one of ours.
func short(name string) string {
	_, store, found := strings.Cut(name, "ours, ")
	if !found {
		return name
	}
	return store
}

// within is the table of ratios that are of one system.
func (o *outcomes) within(ours []string, kills map[string][]time.Duration) string {
	t := table{header: slices.Concat([]string{"figure"}, ours, []string{"wanted"})}
	figure := func(name string, of func(string) string, wanted string) {
		row := []string{name}
		for _, our := range ours {
			row = append(row, of(our))
		}
		t.add(append(row, wanted)...)
	}
	if o.hasAny(ours, batches) && o.hasAny(ours, single256) {
		figure("open batches of 1,000 : open single, 256 connections", func(our string) string {
			return o.rates(our, batches).over(o.rates(our, single256)).text(ratio)
		}, fmt.Sprintf("≥ %v", wantedBatches))
	}
	if o.hasAny(ours, signedBatches) {
		figure("signed batches of 1,000 : signatures of all cores in batches ÷ 3", func(our string) string {
			return o.rates(our, signedBatches).over(o.machine.signatures.times(1.0 / peerMembers)).text(ratio)
		}, fmt.Sprintf("≥ %v", wantedSignatures))
	}
	for _, our := range ours {
		if len(kills[our]) > 0 {
			figure(fmt.Sprintf("kill -9 → acknowledged write, %d times: median, worst", len(kills[our])), func(our string) string {
				return medianAndWorst(kills[our])
			}, fmt.Sprintf("≤ %d ms, ≤ %d ms of 50", wantedMedian, wantedWorst))
			break
		}
	}
	if len(t.rows) == 0 {
		return ""
	}
	return t.String()
}

func (o *outcomes) hasAny(systems []string, l load) bool {
	return slices.ContainsFunc(systems, func(s string) bool { return o.has(s, l) })
}

func medianAndWorst(sorted []time.Duration) string {
	if len(sorted) == 0 {
		return "–"
	}
	return fmt.Sprintf("%d ms, %d ms", sorted[len(sorted)/2].Milliseconds(), sorted[len(sorted)-1].Milliseconds())
}

// waits is the table of latencies and of who used the cores.
func (o *outcomes) waits(loads []load, systems []string) string {
	t := table{header: []string{"load", "system", "p50, ms", "p99, ms", "members, µs of a core each", "tool, µs of a core each", "tool, cores in use"}}
	for _, l := range loads {
		for _, name := range systems {
			if !o.has(name, l) {
				continue
			}
			text := func(write func(float64) string, figure func(measured) float64) string {
				return write(o.series(name, l, figure).median())
			}
			t.add(l.String(), name,
				text(ratio, func(m measured) float64 { return m.P50.Seconds() * 1e3 }),
				text(ratio, func(m measured) float64 { return m.P99.Seconds() * 1e3 }),
				text(tenths, func(m measured) float64 { return m.Members }),
				text(tenths, func(m measured) float64 { return m.Tool }),
				text(ratio, func(m measured) float64 { return m.ToolCores }),
			)
		}
	}
	return t.String()
}

// tenths is a number with one place.
func tenths(f float64) string { return fmt.Sprintf("%.1f", f) }

// mishaps says of each of ours, where there was any, how many elections happened by themselves
// in the measured time, and how many requests were refused for the moment or failed.
func (o *outcomes) mishaps(loads []load, ours []string) (lines []string) {
	for _, name := range ours {
		for _, l := range loads {
			elections, failed := 0, 0
			for _, m := range o.cells[cell{name, l}] {
				elections += m.Elections
				failed += m.Failed
			}
			if elections+failed > 0 {
				lines = append(lines, fmt.Sprintf("%s, %s: elections by themselves: %d, requests refused for the moment or failed: %d.", name, l, elections, failed))
			}
		}
	}
	return lines
}

// tooFast names systems that answered a lone client sooner than this disk syncs: they did not
// wait for it.
func (o *outcomes) tooFast(systems []string) (names []string) {
	for _, name := range systems {
		wait := o.series(name, single1, func(m measured) float64 { return m.P50.Seconds() * 1e3 }).median()
		if wait < o.machine.sync.median()/2 {
			names = append(names, name)
		}
	}
	return names
}
