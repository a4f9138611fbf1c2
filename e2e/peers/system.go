package main

import (
	"context"
	"path/filepath"
	"time"
)

// load is one kind of load, a row of the table.
type load struct {
	Connections int
	Batch       int  // transfers in a request
	Signed      bool // signed by the generator: as it goes where they go one by one, beforehand in batches
}

func (l load) String() string {
	switch {
	case l.Batch > 1 && l.Signed:
		return "signed, batches of " + thousands(float64(l.Batch)) + ", " + count(l.Connections, "connection")
	case l.Batch > 1:
		return "open, batches of " + thousands(float64(l.Batch)) + ", " + count(l.Connections, "connection")
	case l.Signed:
		return "signed single, " + count(l.Connections, "connection")
	}
	return "open single, " + count(l.Connections, "connection")
}

// measured is what came of a load.
type measured struct {
	Rate      float64 // transfers, puts or messages a second
	P50, P99  time.Duration
	Elections int // by themselves, in the measured time; only bpsc's tool tells
	Failed    int // requests that were sent again or not answered; likewise

	// Microseconds of a core for one of them: of the three members together, and of the tool
	// that makes the load.
	Members, Tool float64
	// Those of the leader alone; only bpsc's tool tells.
	Leader float64
	// Cores that the tool had in use; close to 1 says that one core is what bounds it.
	ToolCores float64
}

// system is three members on this machine, and its own tool to load them. One goroutine at a
// time uses it.
type system interface {
	name() string
	// can tells whether its tool can make that load.
	can(load) bool
	// start starts three members whose data is in a folder of that name that does not exist
	// yet, and returns when writes are acknowledged by a majority.
	start(ctx context.Context, dir string) error
	// run loads the leader for about that long, after a warm-up that is not measured.
	run(ctx context.Context, l load, warmup, row time.Duration) (measured, error)
	// members are the processes that start has started.
	members() []*process
}

// killable is a system that goes on when its leader is killed, and that takes single writes
// by HTTP, which the time of a failover is measured with.
type killable interface {
	system
	// leader is which of the members leads, waiting for an election if need be.
	leader(ctx context.Context) (int, error)
	// write sends one write to a member and returns nil when it was acknowledged.
	write(ctx context.Context, member int) error
	// ready waits until a member that was started again is a full one.
	ready(ctx context.Context, member int) error
}

const (
	startLimit = 60 * time.Second
	voteLimit  = 30 * time.Second
	payload    = 256 // bytes, of a value, a message, or the body of a transfer
)

// logOf is where a member of a system in that folder prints.
func logOf(dir, member string) string { return filepath.Join(dir, member+".log") }

// counted is for tools that end after so many requests and not after a time: how many make
// about that much time, by the last rate of this load.
type counted map[load]float64

// fewest is how many requests a tool is asked for at least: of less, etcd's has no p99.
const fewest = 200

// total is the count for a duration, at least one for each connection.
func (c counted) total(l load, d time.Duration) int {
	rate, known := c[l]
	if !known {
		rate = 200 * float64(min(l.Connections, 20)) // a guess below most machines' rate
	}
	return max(int(rate*d.Seconds()), l.Connections, fewest)
}

// perRequest is how many microseconds of a core each of so many requests took.
func perRequest(cpu time.Duration, requests float64) float64 {
	return float64(cpu.Microseconds()) / max(requests, 1)
}
