package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// row is one kind of load and what came of it.
type row struct {
	name, to    string
	connections int
	members     []*harness.Member // the connections are dealt out among these
	request     func(n int) (path, body string)
	transfers   int // in one request
	want        int // status of success

	rate     float64 // transfers a second
	p50, p99 time.Duration
	failed   int // requests that were answered with another status
	err      error
}

func rows(o options, c *harness.Cluster, leader *harness.Member) []row {
	var all []row
	for _, connections := range o.connections {
		single := row{name: "single transfers", connections: connections, request: singleTransfer, transfers: 1, want: 201}
		all = append(all, single.at("the leader", leader))
		if connections > 1 {
			all = append(all, single.at("all members", c.Members...))
		}
	}
	batch := row{
		name: fmt.Sprintf("batches of %d", o.batchSize), connections: o.batchConns, transfers: o.batchSize, want: 200,
		request: func(n int) (string, string) { return batchOf(o.batchSize, n) },
	}
	return append(all, batch.at("the leader", leader), batch.at("all members", c.Members...))
}

func (r row) at(to string, members ...*harness.Member) row {
	r.to, r.members = to, members
	return r
}

func singleTransfer(n int) (path, body string) {
	return "/v1/transactions", transferText(n)
}

func batchOf(size, n int) (path, body string) {
	texts := make([]string, size)
	for i := range texts {
		texts[i] = transferText(n*size + i)
	}
	return "/v1/transactions:batch", `{"transactions":[` + strings.Join(texts, ",") + `]}`
}

func transferText(n int) string {
	return fmt.Sprintf(`{"sender":"account-%d","recipient":"account-%d","amount":%d}`, n%1000, (n*7+1)%1000, 1+n%100_000)
}

// measureAll measures every row o.rounds times. A whole round comes before the
// next, because the speed of a machine drifts; each row reports its median.
func measureAll(ctx context.Context, all []row, o options) []row {
	rounds := make([][]row, len(all))
	for range o.rounds {
		for i, r := range all {
			r.measure(ctx, o)
			rounds[i] = append(rounds[i], r)
			if r.err != nil {
				return []row{r}
			}
		}
	}
	for i := range all {
		slices.SortFunc(rounds[i], func(a, b row) int { return int(a.rate - b.rate) })
		all[i] = rounds[i][len(rounds[i])/2]
	}
	return all
}

// measure runs the load of one row.
func (r *row) measure(ctx context.Context, o options) {
	start := time.Now().Add(o.warmup)
	end := start.Add(o.row)
	results := make([]sample, r.connections)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i] = r.drive(ctx, i, start, end) })
	}
	wg.Wait()

	var took []time.Duration
	for _, s := range results {
		took = append(took, s.took...)
		r.failed += s.failed
		r.err = cmp.Or(r.err, s.err) // one is enough: the others say the same
	}
	if r.err == nil && len(took) == 0 {
		r.err = errors.New("not one request succeeded in time")
	}
	if r.err != nil {
		return
	}
	slices.Sort(took)
	r.rate = float64(len(took)*r.transfers) / o.row.Seconds()
	r.p50, r.p99 = took[len(took)/2], took[len(took)*99/100]
}

// sample is what one connection measured.
type sample struct {
	took   []time.Duration // of each request that succeeded within the measured time
	failed int
	err    error
}

// drive sends one request after the other on one connection.
func (r *row) drive(ctx context.Context, connection int, start, end time.Time) sample {
	var s sample
	c, err := dial(r.members[connection%len(r.members)].URL)
	if err != nil {
		return sample{err: err}
	}
	defer func() { _ = c.Close() }() // nothing is left to say on it
	// A few bodies made beforehand: making them is not what is measured.
	requests := make([][]byte, 16)
	for i := range requests {
		path, body := r.request(connection*len(requests) + i)
		requests[i] = c.request(path, body)
	}
	for n := 0; ctx.Err() == nil; n++ {
		began := time.Now()
		if began.After(end) {
			return s
		}
		status, err := c.send(requests[n%len(requests)])
		done := time.Now()
		switch {
		case err != nil:
			return sample{err: err}
		case status != r.want:
			s.failed++
		case began.After(start) && done.Before(end):
			s.took = append(s.took, done.Sub(began))
		}
	}
	return sample{err: ctx.Err()}
}
