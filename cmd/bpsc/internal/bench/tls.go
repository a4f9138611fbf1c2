package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

func newTLSCommand(b *options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "tls", Short: "What TLS costs: the same load on a plain cluster and on one over TLS, in turns", Args: cli.ExactArgs(0),
		Example: `  bpsc bench tls`,
		Long: `Start two clusters, one plain and one over TLS throughout, and send single transfers to their leaders in
turns, because the speed of a machine drifts. The share is the median over the rounds of what TLS
had of the plain row beside it in time. The generator encrypts on the same processors.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b.to = toLeader
			if err := b.check(); err != nil {
				return err
			}
			return b.runTLS(cmd)
		},
	}
	b.cluster.flags(cmd.Flags())
	cmd.Flags().IntSliceVar(&b.connections, "connections", []int{1, 64}, "connections; several numbers are measured one after the other")
	b.roundFlags(cmd, 3, 5*time.Second)
	return cmd
}

// roundFlags are those of what is measured in turns.
func (b *options) roundFlags(cmd *cobra.Command, rounds int, duration time.Duration) {
	f := cmd.Flags()
	f.DurationVar(&b.duration, "duration", duration, "how long each turn is measured")
	f.DurationVar(&b.warmup, "warmup", time.Second, "how long before that the load runs unmeasured")
	f.IntVar(&b.rounds, "rounds", rounds, "turns of each")
}

// comparison is what came of two loads in turns.
type comparison struct {
	Connections int     `json:"connections"`
	Plain       *row    `json:"plain"`
	TLS         *row    `json:"tls"`
	Share       float64 `json:"tls_of_plain"`
}

func (b *options) runTLS(cmd *cobra.Command) (err error) {
	ctx := cmd.Context()
	var loads []*load
	for _, secure := range []bool{false, true} {
		own := *b
		own.cluster.tls = secure
		t, done, err := own.target(ctx)
		if err != nil {
			return err
		}
		defer func() { err = joined(err, done(err)) }()
		l, err := own.load(ctx, t)
		if err != nil {
			return err
		}
		loads = append(loads, l)
	}
	var all []comparison
	var rows []table.Row
	for _, n := range b.connections {
		c, err := b.compare(ctx, loads, n)
		if err != nil {
			return fmt.Errorf("%d connections: %w", n, err)
		}
		all = append(all, c)
		rows = append(rows, table.Row{n, fmt.Sprintf("%.0f", c.Plain.Rate), ms(c.Plain.Latency.P50), fmt.Sprintf("%.0f", c.TLS.Rate), ms(c.TLS.Latency.P50),
			fmt.Sprintf("%.1f %%", 100*c.Share), c.Plain.Failed + c.TLS.Failed})
	}
	return b.Print(cmd.OutOrStdout(), all, table.Row{"connections", "plain/s", "p50 ms", "TLS/s", "p50 ms", "TLS of plain", "failed"}, rows...)
}

func (b *options) compare(ctx context.Context, loads []*load, connections int) (comparison, error) {
	rounds := [2][]*row{}
	var shares []float64
	for n := range b.rounds {
		var pair [2]*row
		for _, i := range [2]int{n % 2, 1 - n%2} { // each begins as often
			r, err := loads[i].row(ctx, loads[i].target, loads[i], connections)
			if err != nil {
				return comparison{}, err
			}
			pair[i], rounds[i] = r, append(rounds[i], r)
		}
		shares = append(shares, pair[1].Rate/pair[0].Rate)
	}
	slices.Sort(shares)
	return comparison{connections, median(rounds[0]), median(rounds[1]), shares[len(shares)/2]}, nil
}
