package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// row is one kind of load and what came of it.
type row struct {
	name, to    string
	connections int
	members     []*harness.Member // the connections are dealt out among these
	transfers   int               // in one request
	want        int               // status of success
	trusted     *tls.Config       // over TLS; nil for none

	// One of these makes the requests.
	request func(n int) (path, body string) // some, made beforehand and sent again and again
	fresh   func() (path, body string)      // each when it is sent
	once    func() []string                 // the bodies of batches, made beforehand and sent once

	sent *atomic.Int64 // counts transfers in requests that succeeded, where it is set

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
	next := r.source() // may take its time
	start := time.Now().Add(o.warmup)
	end := start.Add(o.row)
	results := make([]sample, r.connections)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i] = r.drive(ctx, i, next, start, end) })
	}
	wg.Wait()

	var took []time.Duration
	last := start
	for _, s := range results {
		if s.last.After(last) {
			last = s.last
		}
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
	measured := o.row
	if r.once != nil { // all may have been sent before the time was up
		measured = last.Sub(start)
	}
	r.rate = float64(len(took)*r.transfers) / measured.Seconds()
	r.p50, r.p99 = took[len(took)/2], took[len(took)*99/100]
}

// sample is what one connection measured.
type sample struct {
	took   []time.Duration // of each request that succeeded within the measured time
	last   time.Time       // when the last of these was answered
	failed int
	err    error
}

// source returns what gives a connection its n-th request; nil when there are
// no more.
func (r *row) source() func(c *conn, connection, n int) []byte {
	if r.once != nil {
		bodies := r.once()
		var next atomic.Int64
		return func(c *conn, _, _ int) []byte {
			i := int(next.Add(1)) - 1
			if i >= len(bodies) {
				return nil
			}
			return c.request("/v1/transactions:batch", bodies[i])
		}
	}
	if r.fresh != nil {
		return func(c *conn, _, _ int) []byte {
			path, body := r.fresh()
			return c.request(path, body)
		}
	}
	// A few bodies made beforehand: making them is not what is measured.
	const few = 16
	made := make([][few][]byte, r.connections)
	return func(c *conn, connection, n int) []byte {
		kept := &made[connection]
		if kept[0] == nil {
			for i := range kept {
				path, body := r.request(connection*few + i)
				kept[i] = c.request(path, body)
			}
		}
		return kept[n%few]
	}
}

// drive sends one request after the other on one connection.
func (r *row) drive(ctx context.Context, connection int, next func(*conn, int, int) []byte, start, end time.Time) sample {
	var s sample
	c, err := dialTrusting(r.members[connection%len(r.members)].URL, r.trusted)
	if err != nil {
		return sample{err: err}
	}
	defer func() { _ = c.Close() }() // nothing is left to say on it
	for n := 0; ctx.Err() == nil; n++ {
		request := next(c, connection, n)
		began := time.Now()
		if began.After(end) || request == nil {
			return s
		}
		status, err := c.send(request)
		done := time.Now()
		if r.sent != nil && err == nil && status == r.want {
			r.sent.Add(int64(r.transfers))
		}
		switch {
		case err != nil:
			return sample{err: err}
		case status != r.want:
			s.failed++
		case began.After(start) && done.Before(end):
			s.took = append(s.took, done.Sub(began))
			s.last = done
		}
	}
	return sample{err: ctx.Err()}
}
