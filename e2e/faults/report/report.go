package report

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/lab"
	"github.com/bpsc/bpsc/e2e/faults/rules"
)

// Run is what there is to report.
type Run struct {
	Command string // that repeats it
	Began   time.Time
	Took    time.Duration
	Members int
	Where   string   // network namespaces or loopback
	Missing []string // what could not be done here
	Results []lab.Result
	Story   []lab.Happening
	Points  []Point
	Used    []rules.Sample // by each process after each round of a soak
	Broken  string         // why the laboratory itself could not go on
}

// Verdict is how a rule came out.
type Verdict struct {
	Rule     string
	Findings []string
}

// Verdicts are those of all rules.
func (r *Run) Verdicts() (all []Verdict) {
	for _, rule := range rules.All() {
		v := Verdict{Rule: rule}
		for _, res := range r.Results {
			for _, f := range res.Findings {
				if f.Rule == rule {
					v.Findings = append(v.Findings, fmt.Sprintf("round %d: %s", res.Plan.Number, f.What))
				}
			}
		}
		all = append(all, v)
	}
	return all
}

// Violations counts what was found.
func (r *Run) Violations() (n int) {
	for _, res := range r.Results {
		n += len(res.Findings)
	}
	return n
}

// figures are sums over the rounds.
func (r *Run) figures() (faults, elections, ops, acked int, healed time.Duration) {
	for _, res := range r.Results {
		ops, acked, healed = ops+res.Ops, acked+res.Acked, max(healed, res.Healed)
	}
	for _, h := range r.Story {
		switch h.Kind {
		case "fault":
			faults++
		case "election":
			elections++
		}
	}
	return faults, elections, ops, acked, healed
}

// Sentence says it all.
func (r *Run) Sentence() string {
	faults, elections, ops, acked, healed := r.figures()
	verdict := "no violation"
	if n := r.Violations(); n > 0 {
		verdict = fmt.Sprintf("%d VIOLATIONS", n)
	}
	if r.Broken != "" {
		verdict += ", and the laboratory could not go on: " + r.Broken
	}
	return fmt.Sprintf("%d rounds in %v, %d faults, %d elections, %d operations, %d transactions acknowledged, as ever at most %v after healing: %s",
		len(r.Results), r.Took.Round(time.Second), faults, elections, ops, acked, healed.Round(time.Millisecond), verdict)
}

// Write writes report.md and report.html into a folder.
func (r *Run) Write(dir string) error {
	page, err := r.html()
	if err != nil {
		return err
	}
	return cmp.Or(
		os.WriteFile(filepath.Join(dir, "report.md"), []byte(r.markdown()), 0o644),
		os.WriteFile(filepath.Join(dir, "report.html"), []byte(page), 0o644),
	)
}

func (r *Run) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Faults: %s\n\n%s.\n\n", r.Began.Format(time.DateTime), r.Sentence())
	fmt.Fprintf(&b, "%d members, %s. Again: `%s`\n\n", r.Members, r.Where, r.Command)
	for _, m := range r.Missing {
		fmt.Fprintf(&b, "Not here: %s.\n\n", m)
	}
	b.WriteString("## Verdicts\n\n| rule | holds |\n|---|---|\n")
	for _, v := range r.Verdicts() {
		holds := "yes"
		if n := len(v.Findings); n > 0 {
			holds = fmt.Sprintf("**NO**, %d times", n)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", v.Rule, holds)
	}
	for _, v := range r.Verdicts() {
		for i, f := range v.Findings {
			if i == 0 {
				fmt.Fprintf(&b, "\n### %s\n\n", v.Rule)
			}
			fmt.Fprintf(&b, "```text\n%s\n```\n", f)
		}
	}
	b.WriteString("\n## What happened\n\n| at | for | what | |\n|---|---|---|---|\n")
	for _, h := range r.Story {
		lasts := ""
		if h.For > 0 {
			lasts = fmt.Sprintf("%.2f s", h.For.Seconds())
		}
		fmt.Fprintf(&b, "| %.2f s | %s | %s | %s |\n", h.At.Seconds(), lasts, h.Kind, strings.ReplaceAll(strings.ReplaceAll(h.What, "|", "\\|"), "\n", " "))
	}
	b.WriteString("\n## Rounds\n\n| round | began | faults | operations | acknowledged | as ever after |\n|---|---|---|---|---|---|\n")
	for _, res := range r.Results {
		var steps []string
		for _, s := range res.Plan.Steps {
			steps = append(steps, s.Fault)
		}
		fmt.Fprintf(&b, "| %d | %.2f s | %s | %d | %d | %.2f s |\n", res.Plan.Number, res.Began.Seconds(), strings.Join(steps, ", "), res.Ops, res.Acked, res.Healed.Seconds())
	}
	r.used(&b)
	return b.String()
}

// used tells of each process what it used at first, in the middle and in the end.
func (r *Run) used(b *strings.Builder) {
	if len(r.Used) == 0 {
		return
	}
	by := map[string][]rules.Sample{}
	for _, s := range r.Used {
		by[s.Node] = append(by[s.Node], s)
	}
	b.WriteString("\n## What processes used\n\n| | at | records | memory, MiB | descriptors | goroutines | disk, MiB |\n|---|---|---|---|---|---|---|\n")
	for _, node := range slices.Sorted(maps.Keys(by)) {
		of := by[node]
		for i := range 5 {
			s := of[i*(len(of)-1)/4]
			fmt.Fprintf(b, "| %s | %.0f s | %d | %.1f | %d | %d | %.1f |\n", node, s.At.Seconds(), s.Records, float64(s.Memory)/(1<<20), s.Descriptors, s.Goroutines, float64(s.Disk)/(1<<20))
		}
	}
}
