package main

import (
	"context"
	"debug/buildinfo"
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// besideOptions are the flags of peers beside.
type besideOptions struct {
	timing
	binary string // bpsc
	tools  string // folder with those of the peers
	data   string
	kills  int
	only   string
	state  string // of bpsc's tree
}

// beside prints the table of bpsc and its peers.
func beside(ctx context.Context, args []string) error {
	var o besideOptions
	f := flag.NewFlagSet("peers beside", flag.ContinueOnError)
	o.flags(f, 5, 4*time.Second)
	f.StringVar(&o.binary, "binary", ".bpsc/bin/bpsc", "the bpsc to measure")
	f.StringVar(&o.tools, "tools", ".bpsc/peers", "folder with etcd, benchmark, nats-server and nats")
	f.StringVar(&o.data, "data", ".bpsc/bench", "folder for the members' data, on the disk that is measured")
	f.IntVar(&o.kills, "kills", 20, "how often the leader of ours is killed, and of etcd half as often; 0 for never")
	f.StringVar(&o.only, "only", "", "systems that are measured, of bolt,wal,etcd,nats (default: all)")
	f.StringVar(&o.state, "state", "", "what the bpsc was built from, such as a commit; printed")
	if err := f.Parse(args); err != nil {
		return err
	}
	if err := o.settle(f); err != nil {
		return err
	}
	if o.short {
		o.kills = min(o.kills, 2)
	}
	return inFolder(o.data, func(dir string) error { return o.run(ctx, dir) })
}

// cast is who is measured.
type cast struct {
	ours, peers []system
	notes       []string
}

// cast are the systems that are asked for and that there are.
func (o *besideOptions) cast(ctx context.Context, c *commands) (all cast, err error) {
	ports := newFreePorts()
	wants := func(name string) bool { return o.only == "" || slices.Contains(strings.Split(o.only, ","), name) }
	stores, err := logStores(ctx, o.binary)
	if err != nil {
		return all, err
	}
	if len(stores) == 0 {
		all.notes = append(all.notes, "This bpsc has no --log-store: it is measured with raft-boltdb alone.")
	}
	for _, store := range []string{"bolt", "wal"} {
		var args []string
		switch {
		case !wants(store), len(stores) == 0 && store != "bolt":
			continue
		case len(stores) > 0:
			args = []string{"--log-store", store}
		}
		all.ours = append(all.ours, &bpsc{
			label: "ours, " + store, server: o.binary, tool: o.binary, args: args, ports: ports, rates: counted{}, commands: c,
		})
	}
	tool := func(name string) string { return filepath.Join(o.tools, name) }
	if wants("etcd") {
		all.peers = append(all.peers, &etcd{server: tool("etcd"), benchmark: tool("benchmark"), ports: ports, rates: counted{}, commands: c})
	}
	if wants("nats") {
		all.peers = append(all.peers, &nats{server: tool("nats-server"), cli: tool("nats"), ports: ports, rates: counted{}, commands: c})
	}
	if len(all.ours)+len(all.peers) == 0 {
		return all, fmt.Errorf("%w; --only names none of bolt,wal,etcd,nats", errUsage)
	}
	return all, nil
}

func (o *besideOptions) run(ctx context.Context, dir string) error {
	began := time.Now()
	c := newCommands(dir)
	all, err := o.cast(ctx, c)
	if err != nil {
		return err
	}
	p := &plan{
		systems: slices.Concat(all.ours, all.peers), dir: dir, rounds: o.rounds, warmup: o.warmup, row: o.row,
		loads: []load{single1, single64, single256, signed256, batches, signedBatches},
	}
	out, err := p.measure(ctx)
	if err != nil {
		return err
	}
	kills := map[string][]time.Duration{}
	for _, s := range p.systems {
		k, can := s.(killable)
		n := o.kills
		if _, ours := s.(*bpsc); !ours {
			n = (n + 1) / 2
		}
		if !can || n == 0 {
			continue
		}
		progress("%s: %d kills of the leader", s.name(), n)
		took, err := failovers(ctx, k, dir, n)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			out.problems = append(out.problems, fmt.Sprintf("kills of %s: %v", s.name(), err))
		}
		kills[s.name()] = took
	}
	o.print(out, p, &all, kills, c, time.Since(began))
	if len(out.problems) > 0 {
		return fmt.Errorf("not everything was measured:\n%s", strings.Join(out.problems, "\n"))
	}
	return nil
}

func names(systems []system) (all []string) {
	for _, s := range systems {
		all = append(all, s.name())
	}
	return all
}

// print prints everything that docs/performance.md says.
func (o *besideOptions) print(out *outcomes, p *plan, all *cast, kills map[string][]time.Duration, c *commands, took time.Duration) {
	ours, peers := names(all.ours), names(all.peers)
	fmt.Println(strings.Join(o.versions(all), ", ") + ".")
	fmt.Printf("%s, three members of one system at a time and its tool on %d cores (%s/%s), to the leader,\n"+
		"%d bytes, every write on disk at a majority before the answer; medians of %d rounds of %s in turns,\n"+
		"with the lowest and the highest, ratios round by round; %s in all.\n\n",
		time.Now().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, payload, o.rounds, o.row, took.Round(time.Second))
	fmt.Println(out.sideBySide(p.loads, ours, peers))
	if text := out.within(ours, kills); text != "" {
		fmt.Println(text)
	}
	for _, s := range all.peers {
		if took := kills[s.name()]; len(took) > 0 {
			fmt.Printf("%s, kill -9 → acknowledged write, %d times: median, worst: %s.\n", s.name(), len(took), medianAndWorst(took))
		}
	}
	fmt.Printf("One write of %d bytes to this disk and a sync: %s ms.\n", payload, out.machine.sync.text(ratio))
	if len(out.machine.signatures) > 0 {
		fmt.Printf("Signatures that all cores verify in batches: %s a second.\n", out.machine.signatures.text(thousands))
	}
	mishaps := out.mishaps(p.loads, ours)
	if len(mishaps) == 0 && len(ours) > 0 {
		mishaps = []string{"While ours was measured there was no election by itself, and no request was refused or failed."}
	}
	for _, line := range mishaps {
		fmt.Println(line)
	}
	for _, name := range out.tooFast(names(p.systems)) {
		fmt.Printf("WARNING: %s answers a lone client faster than this disk syncs.\n", name)
	}
	for _, note := range all.notes {
		fmt.Println(note)
	}
	fmt.Println()
	fmt.Println(out.waits(p.loads, names(p.systems)))
	fmt.Printf("```\n%s```\n", c)
}

// versions are what was measured, and with what.
func (o *besideOptions) versions(all *cast) []string {
	versions := []string{strings.TrimSpace("bpsc " + o.state)}
	for _, s := range all.peers {
		switch s := s.(type) {
		case *etcd:
			versions = append(versions, built(s.server), built(s.benchmark))
		case *nats:
			versions = append(versions, built(s.server), built(s.cli))
		}
	}
	return append(versions, runtime.Version())
}

// built is the module and the version that a binary was built from.
func built(binary string) string {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return filepath.Base(binary) + " of unknown version"
	}
	return info.Main.Path + " " + info.Main.Version
}
