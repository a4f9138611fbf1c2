package bench

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/loadgen"
)

// report is what bpsc bench prints. Times are milliseconds where the name does not say
// otherwise.
type report struct {
	Contract   string        `json:"contract"`
	Own        bool          `json:"own_cluster"`
	Processors int           `json:"processors"`        // of this machine
	Storage    string        `json:"storage,omitempty"` // a warning, where the data of its own cluster were on no disk
	Rows       []*row        `json:"rows"`
	Verified   *verification `json:"verified,omitempty"`
}

// row is one kind of load, and what came of it.
type row struct {
	Load        string  `json:"load"` // open, signed, presigned
	To          string  `json:"to"`
	Connections int     `json:"connections"`
	Batch       int     `json:"batch"`
	Due         float64 `json:"rate_due,omitempty"` // transfers a second of an open loop
	Seconds     float64 `json:"seconds"`            // measured

	Transfers uint64  `json:"transfers"`
	Rate      float64 `json:"transfers_per_second"`
	Slowest   float64 `json:"slowest_round"` // of all rounds
	Fastest   float64 `json:"fastest_round"`
	Latency   latency `json:"latency_ms"`

	// What went wrong in any of the rounds, whichever of them is shown.
	Failures  map[string]uint64 `json:"failures"` // attempts by code
	Failed    uint64            `json:"failed"`
	Retried   uint64            `json:"retried"`
	Unsent    uint64            `json:"unsent_requests"`
	Unknown   uint64            `json:"unknown_transfers"`
	Elections uint64            `json:"elections"` // terms that began in the measured time

	Cost    *cost   `json:"processor_us_per_transfer"`
	Unasked string  `json:"processor_error,omitempty"` // why that of the members is not known
	Points  []point `json:"points"`
}

type latency struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// point is an interval of a row.
type point struct {
	At     float64 `json:"at_s"` // its end
	Rate   float64 `json:"transfers_per_second"`
	P50    float64 `json:"p50_ms"`
	P99    float64 `json:"p99_ms"`
	Max    float64 `json:"max_ms"`
	Failed uint64  `json:"failed"`
}

func milliseconds(d time.Duration) float64 { return float64(d.Round(time.Microsecond)) / 1e6 }

func newRow(b *options, l *load, t *target, connections int, m *loadgen.Result) *row {
	r := &row{
		Load: l.name(), To: b.to, Connections: connections, Batch: b.batch, Due: b.rate, Seconds: m.Measured.Seconds(),
		Transfers: m.Units, Rate: float64(m.Units) / m.Measured.Seconds(),
		Latency: latency{
			milliseconds(m.Latency.Mean()), milliseconds(m.Latency.Quantile(50)), milliseconds(m.Latency.Quantile(90)),
			milliseconds(m.Latency.Quantile(99)), milliseconds(m.Latency.Quantile(99.9)), milliseconds(m.Latency.Max()),
		},
		Failures: m.Failures, Retried: m.Retried, Unsent: m.Unsent, Unknown: m.Unknown, Points: []point{},
	}
	r.Slowest, r.Fastest = r.Rate, r.Rate
	for _, n := range m.Failures {
		r.Failed += n
	}
	for _, p := range m.Points {
		r.Points = append(r.Points, point{p.At.Seconds(), p.Rate, milliseconds(p.P50), milliseconds(p.P99), milliseconds(p.Max), p.Failed})
	}
	return r
}

// charge adds who used how much processor time. Members of a cluster that is not its own may
// not tell.
func (r *row) charge(before, after *usage, own bool) error {
	if err := cmp.Or(before.err, after.err); err != nil && own {
		return fmt.Errorf("processor time: %w", err)
	} else if err != nil {
		r.Unasked = err.Error()
		before.members, after.members = nil, nil
	}
	r.Cost = costs(before, after, r.Transfers)
	if before.term > 0 && after.term > before.term {
		r.Elections = after.term - before.term
	}
	return nil
}

// median is the round of the median rate, how far the others were from it, and what went
// wrong in all of them.
func median(rounds []*row) *row {
	slices.SortFunc(rounds, func(a, b *row) int { return cmp.Compare(a.Rate, b.Rate) })
	r := rounds[len(rounds)/2]
	r.Slowest, r.Fastest = rounds[0].Rate, rounds[len(rounds)-1].Rate
	failures := map[string]uint64{}
	for _, each := range rounds {
		for code, n := range each.Failures {
			failures[code] += n
		}
		if each == r {
			continue
		}
		r.Failed += each.Failed
		r.Retried += each.Retried
		r.Unsent += each.Unsent
		r.Unknown += each.Unknown
		r.Elections += each.Elections
	}
	r.Failures = failures
	return r
}

// show prints a report as it was asked for.
func (b *options) show(out io.Writer, r *report) error {
	header := table.Row{"load", "batch", "to", "connections", "transfers/s", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "failed", "elections",
		"generator", "leader", "others"}
	if b.rounds > 1 {
		header = slices.Insert(header, 5, any("rounds"))
	}
	var rows []table.Row
	for _, row := range r.Rows {
		cells := row.cells()
		if b.rounds > 1 {
			cells = slices.Insert(cells, 5, any(fmt.Sprintf("%.0f–%.0f", row.Slowest, row.Fastest)))
		}
		rows = append(rows, cells)
	}
	if err := b.Print(out, r, header, rows...); err != nil || !b.ForPeople() {
		return err
	}
	_, err := io.WriteString(out, r.notes())
	return err
}

func (r *row) cells() table.Row {
	return table.Row{r.Load, r.Batch, r.To, r.Connections, fmt.Sprintf("%.0f", r.Rate),
		ms(r.Latency.P50), ms(r.Latency.P99), ms(r.Latency.P999), ms(r.Latency.Max), r.Failed, r.Elections,
		fmt.Sprintf("%.1f", r.Cost.Generator), fmt.Sprintf("%.1f", r.Cost.Leader), fmt.Sprintf("%.1f", r.Cost.Others)}
}

func ms(v float64) string { return fmt.Sprintf("%.2f", v) }

// notes say under the table what it has no column for.
func (r *report) notes() string {
	var b strings.Builder
	fmt.Fprintln(&b, "generator, leader, others: microseconds of a processor for each transfer; others are the members that do not lead, together.")
	for _, row := range r.Rows {
		var codes []string
		for _, code := range slices.Sorted(maps.Keys(row.Failures)) {
			codes = append(codes, fmt.Sprintf("%d × %s", row.Failures[code], cli.PrintableLine(code)))
		}
		if len(codes) > 0 {
			fmt.Fprintf(&b, "%d connections: failed attempts: %s; %d sent again.\n", row.Connections, strings.Join(codes, ", "), row.Retried)
		}
		if row.Unasked != "" {
			fmt.Fprintf(&b, "%d connections: the members do not say what processor time they used: %s\n", row.Connections, cli.PrintableLine(row.Unasked))
		}
		if row.Unsent > 0 {
			fmt.Fprintf(&b, "%d connections: %d requests were due and could not be sent: all connections waited for answers. What they would have waited is in no figure above.\n", row.Connections, row.Unsent)
		}
	}
	if r.Storage != "" {
		fmt.Fprintln(&b, r.Storage)
	}
	if v := r.Verified; v != nil {
		fmt.Fprintf(&b, "Checked: %d transfers acknowledged, %d records on every member, balances and fees of %d accounts add up.\n", v.Acknowledged, v.Records, v.Accounts)
	}
	return b.String()
}
