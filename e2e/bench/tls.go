package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/bpsc/bpsc/internal/harness"
)

// measureTLS is what TLS costs: single transfers on kept connections to two clusters, one
// plain and one over TLS throughout, in turns. The generator encrypts on the same cores.
func measureTLS(ctx context.Context, o options) error {
	var all []row
	for _, secure := range []bool{false, true} {
		name := map[bool]string{false: "plain", true: "TLS"}[secure]
		cluster, err := harness.New(harness.Options{Binary: o.binary, Dir: filepath.Join(o.data, "tls-"+name), Args: o.serverArgs, TLS: secure})
		if err != nil {
			return err
		}
		defer func() { _ = cluster.KillAll() }() // the run is over either way
		if err := cluster.Start(ctx); err != nil {
			return err
		}
		leader, err := cluster.Leader(ctx)
		if err != nil {
			return err
		}
		for _, connections := range o.connections {
			r := row{name: name, connections: connections, request: singleTransfer, transfers: 1, want: 201}
			if secure {
				r.trusted = cluster.HTTP.Transport.(*http.Transport).TLSClientConfig
			}
			all = append(all, r.at("the leader", leader))
		}
	}
	fmt.Printf("three members each, single transfers to the leader, %s a row, medians of %d rounds\n\n", o.row, o.rounds)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(out, "connections\tplain/s\tp50\tTLS/s\tp50\tTLS of plain\tfailed")
	n := len(o.connections)
	for i := range n {
		c, err := compare(ctx, o, all[i], all[n+i])
		if err != nil {
			return fmt.Errorf("%d connections: %w", o.connections[i], err)
		}
		fmt.Fprintf(out, "%d\t%.0f\t%s\t%.0f\t%s\t%.1f %%\t%d\n", o.connections[i], c.plain.rate, round(c.plain.p50),
			c.secure.rate, round(c.secure.p50), 100*c.share, c.failed)
	}
	return out.Flush()
}

// comparison is what came of two rows that were measured in turns.
type comparison struct {
	plain, secure row     // of the median rate each
	share         float64 // the median of what TLS had of plain, of neighbours in time: the machine drifts
	failed        int
}

func compare(ctx context.Context, o options, plain, secure row) (c comparison, err error) {
	var plains, secures []row
	var shares []float64
	for n := range o.rounds {
		pair := [2]row{plain, secure}
		for _, i := range [2]int{n % 2, 1 - n%2} { // each begins as often
			if pair[i].measure(ctx, o); pair[i].err != nil {
				return c, fmt.Errorf("%s: %w", pair[i].name, pair[i].err)
			}
			c.failed += pair[i].failed
		}
		plains, secures = append(plains, pair[0]), append(secures, pair[1])
		shares = append(shares, pair[1].rate/pair[0].rate)
	}
	byRate := func(a, b row) int { return cmp.Compare(a.rate, b.rate) }
	slices.SortFunc(plains, byRate)
	slices.SortFunc(secures, byRate)
	slices.Sort(shares)
	c.plain, c.secure, c.share = plains[o.rounds/2], secures[o.rounds/2], shares[o.rounds/2]
	return c, nil
}
