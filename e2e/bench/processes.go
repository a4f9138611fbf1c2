package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/bpsc/bpsc/internal/harness"
)

// start starts members whose data is in a folder of that name.
func (o options) start(ctx context.Context, name string, members int, contract string) (*harness.Cluster, error) {
	cluster, err := harness.New(harness.Options{Binary: o.binary, Dir: filepath.Join(o.data, name),
		Members: members, Contract: contract, Args: o.serverArgs})
	if err != nil {
		return nil, err
	}
	if err := cluster.Start(ctx); err != nil {
		return nil, errors.Join(err, cluster.KillAll())
	}
	return cluster, nil
}

// follow starts a follower, whose data is there too.
func (o options) follow(ctx context.Context, name, id string, upstreams ...string) (*harness.Follower, error) {
	f, err := harness.NewFollower(harness.FollowerOptions{Binary: o.binary, Dir: filepath.Join(o.data, name),
		ID: id, Upstreams: upstreams})
	if err != nil {
		return nil, err
	}
	return f, f.Start()
}
