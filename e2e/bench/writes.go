package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
)

// measureWrites is the load on a cluster of three, and what a leader's death
// does to it.
func measureWrites(ctx context.Context, o options) error {
	cluster, err := o.start(ctx, "writes", 3, "")
	if err != nil {
		return err
	}
	defer func() { _ = cluster.KillAll() }() // the run is over either way
	leader, err := cluster.Leader(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("three members, %s a row\n\n", o.row)

	out := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(out, "load\tto\tconnections\ttransfers/s\tp50\tp99\tfailed")
	all := rows(o, cluster, leader)
	var signed *signer
	if o.signed {
		if signed, err = newSigner(ctx, leader); err != nil {
			return err
		}
		all = append(all, signed.rows(o, cluster)...)
	}
	for _, r := range measureAll(ctx, all, o) {
		if r.err != nil {
			return fmt.Errorf("%s to %s with %d connections: %w", r.name, r.to, r.connections, r.err)
		}
		fmt.Fprintf(out, "%s\t%s\t%d\t%.0f\t%s\t%s\t%d\n", r.name, r.to, r.connections, r.rate, round(r.p50), round(r.p99), r.failed)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if signed != nil {
		if err := signed.check(ctx); err != nil {
			return err
		}
	}
	return measureFailover(ctx, cluster, o.kills)
}
