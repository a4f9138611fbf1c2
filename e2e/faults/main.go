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
	rounds  int           // 0: as many as begin within lasts
	lasts   time.Duration // of the rounds, programs that are built and a cluster's beginning included
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
	minutes := f.Float64("minutes", 10, "rounds begin for so long, where --rounds is not given")
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
	w.lasts = time.Duration(*minutes * float64(time.Minute))
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
		for n := range cmp.Or(want.rounds, max(1, int(want.lasts/want.round))) {
			fmt.Println(want.announcement(n, names))
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
	rep.Command = want.command(len(rep.Results), names) // the same rounds, however long they take next time
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
	rep.Command = w.command(w.rounds, names)
	return rep
}

// command does the same again.
func (w wanted) command(rounds int, names []string) string {
	length := fmt.Sprintf("--rounds %d", rounds)
	if rounds == 0 {
		length = fmt.Sprintf("--minutes %g", w.lasts.Minutes())
	}
	command := fmt.Sprintf("scripts/faults.sh --seed %d %s --round %v --members %d --fresh %d --faults %s", w.seed, length, w.round, w.members, w.fresh, cmp.Or(strings.Join(names, ","), "none"))
	if w.base != "" {
		command += " --base " + w.base
	}
	return command
}

// over tells whether there is no round after so many.
func (w wanted) over(rounds int, began time.Time) bool {
	if w.rounds > 0 {
		return rounds >= w.rounds
	}
	return time.Since(began) >= w.lasts
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

// announcement says what a round will be.
func (w wanted) announcement(n int, names []string) string {
	text := fmt.Sprintf("\nround %d", n+1)
	if w.rounds > 0 {
		text += fmt.Sprintf(" of %d", w.rounds)
	}
	for _, s := range w.plan(n, names).Steps {
		text += fmt.Sprintf("\n  plan: %s", s)
	}
	return text
}

// clusters runs all rounds, on one cluster after the other. What is kept of a cluster is its folder,
// where a rule was broken, or somebody wants it.
func clusters(ctx context.Context, o lab.Options, want wanted, names []string, rep *report.Run) error {
	data := o.Dir
	for first := true; first || !want.over(len(rep.Results), rep.Began); first = false {
		before := rep.Violations()
		o.Dir = fmt.Sprintf("%s-%d", data, len(rep.Results)+1)
		w, err := lab.New(ctx, o)
		if err == nil {
			err = rounds(ctx, w, want, names, rep)
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
	}
	return nil
}

// rounds runs one round after the other on the same cluster, until it is old, there are enough, or one finds something that
// leaves no ground to go on.
func rounds(ctx context.Context, w *lab.World, want wanted, names []string, rep *report.Run) error {
	watching, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		w.Watch(watching)
	}()
	defer func() { stop(); <-watched }()
	for {
		n := len(rep.Results)
		fmt.Println(want.announcement(n, names))
		res, err := w.Round(ctx, want.plan(n, names))
		rep.Results = append(rep.Results, res)
		if err != nil {
			return err
		}
		over := want.over(n+1, rep.Began)
		if want.soak() {
			if err := weigh(ctx, w, rep, over); err != nil {
				return err
			}
		}
		fmt.Printf("round %d: %d operations, %d acknowledged, as ever %v after healing, %d violations\n", n+1, res.Ops, res.Acked, res.Healed.Round(time.Millisecond), len(rep.Results[n].Findings))
		if over || want.fresh > 0 && (n+1)%want.fresh == 0 {
			return nil
		}
	}
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
