package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// probeEvery is the time between writes to the members that are left, sent whether or not the
// last one has been answered: a failover is measured to within that.
const (
	probeEvery  = 4 * time.Millisecond
	failedLimit = 30 * time.Second
)

// failovers kills the leader of a fresh cluster so many times with SIGKILL, and measures the
// time from there to the first acknowledgement of a write that was sent afterwards.
func failovers(ctx context.Context, s killable, dir string, kills int) (took []time.Duration, err error) {
	dir = filepath.Join(dir, folder(s)+"-kills")
	defer func() {
		if e := killAll(s.members()); err == nil {
			err = e
		}
		_ = os.RemoveAll(dir)
	}()
	if err := s.start(ctx, dir); err != nil {
		return nil, err
	}
	for range kills {
		d, err := killOnce(ctx, s)
		if err != nil {
			return took, err
		}
		took = append(took, d)
	}
	slices.Sort(took)
	return took, nil
}

// killOnce kills the leader, and starts it again afterwards.
func killOnce(ctx context.Context, s killable) (time.Duration, error) {
	leader, err := s.leader(ctx)
	if err != nil {
		return 0, err
	}
	for i := range s.members() { // each has a connection, and has acknowledged something
		if err := s.write(ctx, i); err != nil {
			return 0, err
		}
	}
	died := time.Now()
	if err := s.members()[leader].kill(); err != nil {
		return 0, err
	}
	took, err := firstWrite(ctx, s, leader, died)
	if err != nil {
		return 0, err
	}
	if err := s.members()[leader].start(); err != nil {
		return 0, err
	}
	return took, s.ready(ctx, leader)
}

// firstWrite writes to the members that are left until one write is acknowledged.
func firstWrite(ctx context.Context, s killable, dead int, died time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, failedLimit)
	defer cancel() // ends the writes that are not answered yet
	acknowledged := make(chan time.Time, 1)
	probe := time.NewTicker(probeEvery)
	defer probe.Stop()
	var last error
	failed := make(chan error, 1)
	for n := 0; ; n++ {
		member := (dead + 1 + n%2) % len(s.members())
		go func() {
			err := s.write(ctx, member)
			if err == nil {
				select {
				case acknowledged <- time.Now():
				default: // another was first
				}
				return
			}
			select {
			case failed <- err:
			default: // one of them is enough to tell
			}
		}()
		select {
		case at := <-acknowledged:
			return at.Sub(died), nil
		case <-ctx.Done():
			select {
			case last = <-failed:
			default:
			}
			return 0, fmt.Errorf("no write to %s was acknowledged within %s of the leader's end: %w", s.name(), failedLimit, last)
		case <-probe.C:
		}
	}
}
