// Faults runs a real cluster, breaks it as a seed says, heals it, and holds what its clients
// heard against what it has in the end. scripts/faults.sh builds what it needs and runs it.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/faults/lab"
	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/e2e/faults/report"
	"github.com/bpsc/bpsc/e2e/faults/rules"
)

// wanted is what the command line asks for.
type wanted struct {
	seed    uint64
	rounds  int
	fresh   int
	round   time.Duration
	members int
	faults  []string
	binary  string
	base    string
	out     string
	keep    bool
	dry     bool
}

func main() {
	w, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err == nil {
		err = run(ctx, w)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		stop()
		os.Exit(1)
	}
}

func parse(args []string) (w wanted, err error) {
	f := flag.NewFlagSet("faults", flag.ContinueOnError)
	minutes := f.Float64("minutes", 10, "for about so long, where --rounds is not given")
	list := f.String("faults", "all", "names with commas between them, or all; list prints them; none: a soak, which looks at what processes use")
	f.Uint64Var(&w.seed, "seed", 1, "what goes wrong, and when, and what clients do")
	f.IntVar(&w.rounds, "rounds", 0, "so many rounds")
	f.IntVar(&w.fresh, "fresh", 60, "after so many rounds there is a new cluster, as repairs read the whole chain; 0: never")
	f.DurationVar(&w.round, "round", 10*time.Second, "how long a round lasts, healing included")
	f.IntVar(&w.members, "members", 3, "how many members there are: 3 to 5")
	f.StringVar(&w.binary, "binary", "", "bpsc to run (default: it is built)")
	f.StringVar(&w.base, "base", "", "commit whose bpsc is the other release (default: this one with another version and a level more)")
	f.StringVar(&w.out, "out", "", "folder for the report, histories and logs (default: .bpsc/faults/SEED-TIME)")
	f.BoolVar(&w.dry, "dry-run", false, "print what would go wrong, and end")
	f.BoolVar(&w.keep, "keep", false, "keep data folders also where all is well")
	if err := f.Parse(args); err != nil {
		return w, err
	}
	if *list == "list" {
		for _, fault := range plan.Faults() {
			fmt.Printf("%-16s %s\n", fault.Name, fault.What)
		}
		return w, flag.ErrHelp
	}
	if w.rounds == 0 {
		w.rounds = max(1, int(*minutes*float64(time.Minute)/float64(w.round)))
	}
	if w.out == "" {
		w.out = filepath.Join(".bpsc", "faults", fmt.Sprintf("%d-%s", w.seed, time.Now().Format("20060102-150405")))
	}
	if w.round < 4*time.Second || w.members < 3 || w.members > 5 {
		return w, errors.New("a round lasts 4s at least, and there are 3 to 5 members")
	}
	if w.faults, err = plan.Parse(*list); w.soak() {
		w.fresh = 0 // a soak is of one cluster
	}
	return w, err
}

// run runs all rounds, and writes the report whatever happens.
func run(ctx context.Context, want wanted) error {
	names, missing := here(want.faults, want.binary, want.base)
	if len(names) == 0 && !want.soak() {
		return fmt.Errorf("none of these faults can be had here: %s", strings.Join(missing, "; "))
	}
	if want.dry {
		for n := range want.rounds {
			announce(want.plan(n, names), want.rounds)
		}
		return nil
	}
	out, err := filepath.Abs(want.out)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	rep := want.report(names, missing)
	for _, m := range missing {
		fmt.Println("not here:", m)
	}
	fmt.Printf("%s\nreport: %s\n", rep.Command, filepath.Join(out, "report.html"))
	o, err := want.world(ctx, out, names)
	if err != nil {
		return err
	}
	series := &report.Series{}
	o.Sink = series.Add
	if err = clusters(ctx, o, want, names, rep); err != nil {
		rep.Broken = err.Error()
	}
	rep.Points, rep.Took = series.Points(), time.Since(rep.Began)
	err = rep.Write(out)
	fmt.Printf("\n%s\n%s\n", rep.Sentence(), filepath.Join(out, "report.md"))
	if rep.Broken != "" || rep.Violations() > 0 {
		return errors.Join(err, fmt.Errorf("again: %s; histories, logs and data: %s", rep.Command, out))
	}
	if !want.keep {
		for _, name := range []string{"bpsc", "settable", "other", "lying"} {
			err = errors.Join(err, os.RemoveAll(filepath.Join(out, name)))
		}
	}
	return err
}

// soak tells whether nothing is to go wrong.
func (w wanted) soak() bool { return len(w.faults) == 0 }

// report is what there is to say before anything has happened.
func (w wanted) report(names, missing []string) *report.Run {
	rep := &report.Run{Began: time.Now(), Members: w.members, Missing: missing, Where: "each on a machine of its own (a network namespace)"}
	if os.Getuid() != 0 {
		rep.Where = "on loopback"
	}
	rep.Command = fmt.Sprintf("scripts/faults.sh --seed %d --rounds %d --round %v --members %d --fresh %d --faults %s", w.seed, w.rounds, w.round, w.members, w.fresh, cmp.Or(strings.Join(names, ","), "none"))
	if w.base != "" {
		rep.Command += " --base " + w.base
	}
	return rep
}

// world is what a cluster is made of that can suffer these faults; its programs are built.
func (w wanted) world(ctx context.Context, out string, names []string) (o lab.Options, err error) {
	o = lab.Options{
		Dir: filepath.Join(out, "data"), Members: w.members, Seed: w.seed, Loop: os.Getuid() != 0,
		Disks: among(names, plan.Disk), Clocks: among(names, plan.Clock), TLS: w.soak() || among(names, plan.Certificate), Guest: slices.Contains(names, "member-added"),
		Book: history.NewBook(),
		Say:  func(format string, args ...any) { fmt.Printf(format+"\n", args...) },
	}
	if o.Binary, err = build(ctx, w.binary, out, names); err != nil {
		return o, err
	}
	if o.Next, err = other(ctx, w.base, out, names); err != nil {
		return o, err
	}
	o.Liar, err = lying(ctx, out, names)
	return o, err
}

// plan is what goes wrong in a round, three tenths of which are for healing.
func (w wanted) plan(n int, names []string) plan.Round {
	return plan.New(w.seed, n, w.round*7/10, names)
}

func announce(r plan.Round, of int) {
	fmt.Printf("\nround %d of %d\n", r.Number+1, of)
	for _, s := range r.Steps {
		fmt.Println("  plan:", s)
	}
}

// clusters runs all rounds, on one cluster after the other. What is kept of a cluster is its folder,
// where a rule was broken, or somebody wants it.
func clusters(ctx context.Context, o lab.Options, want wanted, names []string, rep *report.Run) error {
	data := o.Dir
	for begin := 0; begin < want.rounds; {
		end := want.rounds
		if want.fresh > 0 {
			end = min(end, begin+want.fresh)
		}
		before := rep.Violations()
		o.Dir = fmt.Sprintf("%s-%d", data, begin+1)
		w, err := lab.New(ctx, o)
		if err == nil {
			err = rounds(ctx, w, want, begin, end, names, rep)
		}
		rep.Story = append(rep.Story, w.Story()...)
		if err = errors.Join(err, w.Close()); err != nil {
			return err
		}
		if rep.Violations() == before && !want.keep {
			if err := os.RemoveAll(o.Dir); err != nil {
				return err
			}
		}
		begin = end
	}
	return nil
}

// rounds runs one round after the other on the same cluster, until one finds something that
// leaves no ground to go on.
func rounds(ctx context.Context, w *lab.World, want wanted, begin, end int, names []string, rep *report.Run) error {
	watching, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		w.Watch(watching)
	}()
	defer func() { stop(); <-watched }()
	for n := begin; n < end; n++ {
		r := want.plan(n, names)
		announce(r, want.rounds)
		res, err := w.Round(ctx, r)
		rep.Results = append(rep.Results, res)
		if err != nil {
			return err
		}
		if want.soak() {
			if err := weigh(ctx, w, rep, n+1 == want.rounds); err != nil {
				return err
			}
		}
		fmt.Printf("round %d: %d operations, %d acknowledged, as ever %v after healing, %d violations\n", n+1, res.Ops, res.Acked, res.Healed.Round(time.Millisecond), len(rep.Results[n].Findings))
	}
	return nil
}

// weigh looks at what each process uses after a round of a soak, and judges that after the last.
func weigh(ctx context.Context, w *lab.World, rep *report.Run, last bool) error {
	used, err := w.Use(ctx)
	rep.Used = append(rep.Used, used...)
	if err != nil || !last {
		return err
	}
	res := &rep.Results[len(rep.Results)-1]
	for _, f := range rules.Flat(rep.Used) {
		w.Tell("VIOLATED", 0, "%s", f)
		res.Findings = append(res.Findings, f)
	}
	return nil
}
