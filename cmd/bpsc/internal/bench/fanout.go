package bench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/loadgen"
)

// fanoutConnections carry the paced writes: enough that none waits for the one before.
const fanoutConnections = 10

// fanoutFlags are those of bpsc bench fanout.
type fanoutFlags struct {
	readers int
	pace    float64
}

func newFanoutCommand(b *options) *cobra.Command {
	f := &fanoutFlags{}
	cmd := &cobra.Command{
		Use: "fanout", Short: "How long writes take while the leader feeds many followers, and while it feeds none", Args: cli.ExactArgs(0),
		Example: `  bpsc bench fanout`,
		Long: `Start a cluster that makes ten blocks a second, and write to its leader at a modest pace while it feeds
many followers and while it feeds none, in turns, because the speed of a machine drifts. The
followers are played by a process of the least priority: they would be on other machines.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.readers < 1 || f.readers > maxConnections || f.pace < 1 || f.pace > maxRate || b.rounds < 1 || b.duration < minDuration {
				return cli.ArgError("--readers are 1 to %d, --rate is 1 to %d, --rounds at least 1, --duration at least %s", maxConnections, maxRate, minDuration)
			}
			return b.runFanout(cmd, f)
		},
	}
	b.cluster.flags(cmd.Flags())
	cmd.Flags().IntVar(&f.readers, "readers", 200, "followers")
	cmd.Flags().Float64Var(&f.pace, "rate", 100, "transfers a second")
	b.roundFlags(cmd, 3, 5*time.Second)
	cmd.AddCommand(newReadersCommand(b))
	return cmd
}

// fanout is one of the two cases.
type fanout struct {
	Followers int       `json:"followers"`
	Writes    int       `json:"writes"`
	P50       float64   `json:"p50_ms"` // medians of the rounds
	P99       float64   `json:"p99_ms"`
	Worst     float64   `json:"worst_ms"`          // of all
	Blocks    float64   `json:"blocks_per_second"` // to each follower, median
	Slowest   float64   `json:"blocks_to_slowest"` // a second
	P99s      []float64 `json:"p99_ms_of_rounds"`

	p50s, blocks []float64
}

func (b *options) runFanout(cmd *cobra.Command, f *fanoutFlags) (err error) {
	ctx := cmd.Context()
	t, done, err := b.ownTarget(ctx, `{"token":"aka","wallets":"open","schedule":{"every":"100ms"}}`)
	if err != nil {
		return err
	}
	defer func() { err = joined(err, done(err)) }()
	leader, err := t.ownLeader(ctx)
	if err != nil {
		return err
	}
	cases := []*fanout{{}, {Followers: f.readers}}
	for range b.rounds {
		for _, c := range cases {
			if err := b.fanoutRound(ctx, t, leader.URL, f.pace, c); err != nil {
				return err
			}
		}
	}
	var rows []table.Row
	for _, c := range cases {
		c.sum()
		rows = append(rows, table.Row{c.Followers, c.Writes, ms(c.P50), ms(c.P99), ms(c.Worst), ms(c.Blocks), ms(c.Slowest)})
	}
	return b.Print(cmd.OutOrStdout(), cases, table.Row{"followers", "writes", "p50 ms", "p99 ms", "worst ms", "blocks/s to each", "to the slowest"}, rows...)
}

func (c *fanout) sum() {
	c.P50, c.P99 = middle(c.p50s), middle(c.P99s)
	if len(c.blocks) > 0 {
		c.Blocks, c.Slowest = middle(c.blocks), slices.Min(c.blocks)
	}
}

func middle(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

// fanoutRound writes, and reads what comes meanwhile.
func (b *options) fanoutRound(ctx context.Context, t *target, url string, pace float64, c *fanout) error {
	s, err := t.standing(ctx, url)
	if err != nil {
		return err
	}
	start := time.Now().Add(b.warmup)
	task := readTask{url, c.Followers, int(s.Length) + 1, start, start.Add(b.duration)}
	var blocks []int
	var readErr error
	var reading sync.WaitGroup
	if c.Followers > 0 {
		reading.Go(func() { blocks, readErr = readElsewhere(ctx, task) })
	}
	l := &load{options: b, target: t, run: fmt.Sprint(start.UnixNano())}
	sources, err := l.sources(ctx, []string{url}, fanoutConnections)
	if err != nil {
		return err
	}
	result, err := loadgen.Run(ctx, loadgen.Options{
		Dial: t.dialer([]string{url}), Source: func(i int) loadgen.Source { return sources[i] }, Connections: fanoutConnections,
		Rate: pace, Warmup: b.warmup, Duration: b.duration, Interval: interval(b.duration), Timeout: b.Timeout, Units: 1,
	})
	reading.Wait()
	if err := cmp.Or(err, readErr); err != nil {
		return err
	}
	if len(result.Failures) > 0 {
		return fmt.Errorf("writes failed: %v", result.Failures)
	}
	c.Writes += int(result.Requests)
	c.p50s, c.P99s = append(c.p50s, milliseconds(result.Latency.Quantile(50))), append(c.P99s, milliseconds(result.Latency.Quantile(99)))
	c.Worst = max(c.Worst, milliseconds(result.Latency.Max()))
	for _, n := range blocks {
		c.blocks = append(c.blocks, float64(n)/b.duration.Seconds())
	}
	return nil
}

// readTask is what a process of readers has to do: follow the chain at URL from block Next,
// and count the blocks that come between Start and End.
type readTask struct {
	URL     string
	Readers int
	Next    int
	Start   time.Time
	End     time.Time
}

// readElsewhere runs readers in a process of their own with the least priority.
func readElsewhere(ctx context.Context, task readTask) (blocks []int, err error) {
	text, err := json.Marshal(task)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "nice", "-n", "19", self, "bench", "fanout", "readers")
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), &out, &complaints
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the readers: %w: %s", err, complaints.String())
	}
	return blocks, json.Unmarshal(out.Bytes(), &blocks)
}

// newReadersCommand is that process: it prints how many blocks each reader got.
func newReadersCommand(b *options) *cobra.Command {
	return &cobra.Command{
		Use: "readers", Hidden: true, Args: cli.ExactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var task readTask
			if err := json.NewDecoder(cmd.InOrStdin()).Decode(&task); err != nil {
				return cli.ArgError("the task: %w", err)
			}
			host, err := hostOf(task.URL)
			if err != nil {
				return cli.ArgError("the task: %w", err)
			}
			own := *b
			own.Servers = []string{host}
			if err := own.harmless(); err != nil {
				return err
			}
			if task.Readers < 1 || task.Readers > maxConnections {
				return cli.ArgError("the task: %d readers", task.Readers)
			}
			return task.run(cmd)
		},
	}
}

func (task *readTask) run(cmd *cobra.Command) error {
	blocks, errs := make([]int, task.Readers), make([]error, task.Readers)
	var reading sync.WaitGroup
	for i := range blocks {
		reading.Go(func() { blocks[i], errs[i] = task.read(cmd.Context()) })
	}
	reading.Wait()
	if err := cmp.Or(errs...); err != nil { // one is enough: the others say the same
		return err
	}
	return json.NewEncoder(cmd.OutOrStdout()).Encode(blocks)
}

// read follows the chain as a follower does.
func (task *readTask) read(ctx context.Context) (blocks int, err error) {
	s, err := dialStream(ctx, &target{}, task.URL)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	for next := task.Next; ctx.Err() == nil; {
		n, err := s.blocks(next, 0)
		now := time.Now()
		if err != nil || now.After(task.End) {
			return blocks, err
		}
		next += n
		if now.After(task.Start) {
			blocks += n
		}
	}
	return blocks, ctx.Err()
}
