package bench

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/loadgen"
)

func newReadsCommand(b *options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "reads", Short: "How many balances a member answers, by how fresh they are to be", Args: cli.ExactArgs(0),
		Example: `  bpsc bench reads`,
		Long: `Start a cluster and ask for balances, at the leader and at a member that follows, each of them
linearizable (the default: no older than any answer that anybody had before) and local (what that
member has, without asking the others), in turns, because the speed of a machine drifts.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.check(); err != nil {
				return err
			}
			return b.runReads(cmd)
		},
	}
	b.cluster.flags(cmd.Flags())
	cmd.Flags().IntSliceVar(&b.connections, "connections", []int{64}, "connections; several numbers are measured one after the other")
	b.roundFlags(cmd, 3, 4*time.Second)
	return cmd
}

// reading is one kind of read, and what came of it. Times are milliseconds.
type reading struct {
	From        string  `json:"from"` // leader, follower
	Consistency string  `json:"consistency"`
	Connections int     `json:"connections"`
	Rate        float64 `json:"reads_per_second"`
	Slowest     float64 `json:"slowest_round"`
	Fastest     float64 `json:"fastest_round"`
	P50         float64 `json:"p50_ms"` // of the median round
	P99         float64 `json:"p99_ms"`
	Failed      uint64  `json:"failed"` // in all rounds

	at     string // URL
	rounds []*loadgen.Result
}

func (b *options) runReads(cmd *cobra.Command) (err error) {
	ctx := cmd.Context()
	t, done, err := b.ownTarget(ctx, "")
	if err != nil {
		return err
	}
	defer func() { err = joined(err, done(err)) }()
	if err := b.openWallets(ctx, t); err != nil {
		return err
	}
	var all []*reading
	for _, connections := range b.connections {
		for _, consistency := range []string{"linearizable", "local"} {
			for _, from := range []string{"leader", "follower"} {
				all = append(all, &reading{From: from, Consistency: consistency, Connections: connections})
			}
		}
	}
	for range b.rounds {
		for _, r := range all {
			if err := b.read(ctx, t, r); err != nil {
				return fmt.Errorf("%s, %s: %w", r.From, r.Consistency, err)
			}
		}
	}
	var rows []table.Row
	for _, r := range all {
		r.sum()
		rows = append(rows, table.Row{r.From, r.Consistency, r.Connections, fmt.Sprintf("%.0f", r.Rate), fmt.Sprintf("%.0f–%.0f", r.Slowest, r.Fastest), ms(r.P50), ms(r.P99), r.Failed})
	}
	return b.Print(cmd.OutOrStdout(), all, table.Row{"from", "consistency", "connections", "reads/s", "rounds", "p50 ms", "p99 ms", "failed"}, rows...)
}

// openWallets gives each wallet something, so that there is a balance to read.
func (b *options) openWallets(ctx context.Context, t *target) error {
	var body strings.Builder
	body.WriteString(`{"transactions":[`)
	for i := range b.wallets {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"sender":"bench","recipient":"%s","amount":1}`, walletName(i))
	}
	body.WriteString("]}")
	_, err := t.post(ctx, "/v1/transactions:batch", []byte(body.String()))
	return err
}

// read measures one kind of read for a round.
func (b *options) read(ctx context.Context, t *target, r *reading) error {
	if err := t.learn(ctx); err != nil { // who leads may have changed
		return err
	}
	at := slices.IndexFunc(t.members, func(m memberAt) bool { return (m.ID == t.leader) == (r.From == "leader") })
	if at < 0 {
		return fmt.Errorf("the cluster has no %s", r.From)
	}
	r.at = t.members[at].URL
	host, err := hostPort(r.at)
	if err != nil {
		return err
	}
	p := newProgress(os.Stderr, b.warmup, b.duration)
	defer p.end()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(b.processors))
	result, err := loadgen.Run(ctx, loadgen.Options{
		Dial:        t.dialer([]string{r.at}),
		Source:      func(i int) loadgen.Source { return newReadSource(host, r.Consistency, b.pick(i)) },
		Connections: r.Connections, Warmup: b.warmup, Duration: b.duration,
		Interval: interval(b.duration), Timeout: b.Timeout, Units: 1, Repeatable: true, Progress: p.at,
	})
	if err != nil {
		return err
	}
	r.rounds = append(r.rounds, result)
	return nil
}

// sum is what all rounds come to.
func (r *reading) sum() {
	rate := func(m *loadgen.Result) float64 { return float64(m.Units) / m.Measured.Seconds() }
	slices.SortFunc(r.rounds, func(a, b *loadgen.Result) int { return cmp.Compare(rate(a), rate(b)) })
	n := len(r.rounds)
	middle := r.rounds[n/2]
	r.Rate, r.Slowest, r.Fastest = rate(middle), rate(r.rounds[0]), rate(r.rounds[n-1])
	r.P50, r.P99 = milliseconds(middle.Latency.Quantile(50)), milliseconds(middle.Latency.Quantile(99))
	for _, m := range r.rounds {
		for _, failures := range m.Failures {
			r.Failed += failures
		}
	}
}

// readSource asks for balances, in one buffer.
type readSource struct {
	pick    *picker
	request []byte
	wallet  []byte // within request
}

func newReadSource(host, consistency string, p *picker) *readSource {
	const path = "GET /v1/accounts/"
	name := walletName(0)
	s := &readSource{pick: p, request: []byte(path + name + "?consistency=" + consistency + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")}
	s.wallet = s.request[len(path) : len(path)+len(name)]
	return s
}

func (s *readSource) Next() []byte {
	putDigits(s.wallet[len(s.wallet)-digits:], s.pick.wallet())
	return s.request
}

// Check wants the account that was asked for.
func (s *readSource) Check(_ int, body []byte) error {
	if !bytes.Contains(body, s.wallet) {
		return fmt.Errorf("this is not account %s", s.wallet)
	}
	return nil
}
