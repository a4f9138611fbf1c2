package cluster

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/bpsc/bpsc/internal/outcome"
)

// registerOp is an operation on the register that "set V" writes.
type registerOp struct {
	write bool
	value string
}

// registerModel is a single register, for porcupine.
func registerModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, input, output any) (bool, any) {
			op := input.(registerOp)
			if op.write {
				return true, op.value
			}
			return output.(string) == state.(string), state
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprint(input, " ", output) },
	}
}

// history gathers operations for porcupine.
type history struct {
	begin time.Time
	mu    sync.Mutex
	ops   []porcupine.Operation
}

func (h *history) add(client int, op registerOp, output string, call int64, ret int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: op, Output: output, Call: call, Return: ret})
}

func (h *history) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ops)
}

func (h *history) now() int64 { return time.Since(h.begin).Nanoseconds() }

// Reads after a barrier are linearizable with writes, on every member, while the
// leader is cut off and another one takes over.
func TestBarrierReadsAreLinearizable(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	h := &history{begin: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for id := range 9 {
		clients.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if rand.IntN(2) == 0 {
					c.write(h, id, fmt.Sprintf("%d-%d", id, n))
				} else {
					c.read(h, id)
				}
			}
		})
	}
	waitFor(t, "some operations", func() bool { return h.count() > 100 })
	c.cutOff(c.leader())
	waitFor(t, "operations without the old leader", func() bool { return h.count() > 400 })
	cancel()
	clients.Wait()
	if got := porcupine.CheckOperationsTimeout(registerModel(), h.ops, patience); got != porcupine.Ok {
		t.Errorf("%d operations: %v", len(h.ops), got)
	}
	t.Logf("%d operations", len(h.ops))
}

func (c *testCluster) write(h *history, client int, value string) {
	call := h.now()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := c.members[client%3].Propose(ctx, [][]byte{[]byte("set " + value)})[0].Err
	switch {
	case err == nil:
		h.add(client, registerOp{write: true, value: value}, "", call, h.now())
	case errors.Is(err, outcome.Unknown): // it may happen at any time from now on
		h.add(client, registerOp{write: true, value: value}, "", call, math.MaxInt64)
	}
}

func (c *testCluster) read(h *history, client int) {
	call := h.now()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := c.members[client%3].Barrier(ctx); err != nil {
		return
	}
	value := c.machines[client%3].snapshot().Register
	h.add(client, registerOp{}, value, call, h.now())
}

// Many readers cost few entries.
func TestBarriersAreJoined(t *testing.T) {
	t.Parallel()
	const readers = 300
	c := startCluster(t, 3)
	c.mustPropose(0, "a")
	before := c.members[0].raft.LastIndex()
	var reading sync.WaitGroup
	for i := range readers {
		reading.Go(func() {
			if err := c.members[i%3].Barrier(testContext(t)); err != nil {
				t.Error(err)
			}
		})
	}
	reading.Wait()
	if entries := c.members[0].raft.LastIndex() - before; entries > readers/3 {
		t.Errorf("%d entries for %d barriers", entries, readers)
	}
}

// A barrier does not return before this member's own state is that far, however
// far the others are.
func TestBarrierWaitsForTheLocalState(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	slow := c.other(leader)
	c.mustPropose(slow, "first")
	c.sameHistory()
	release := make(chan struct{})
	c.machines[slow].mu.Lock()
	c.machines[slow].applying = release
	c.machines[slow].mu.Unlock()

	c.mustPropose(leader, "set new")
	before := c.machines[leader].AppliedIndex()
	passed := make(chan error, 1)
	go func() { passed <- c.members[slow].Barrier(testContext(t)) }()
	waitFor(t, "the barrier's entry at the leader", func() bool { return c.machines[leader].AppliedIndex() > before })
	waitFor(t, "its answer at the other member", func() bool { return c.members[slow].replica.Waiting() > 0 })
	select {
	case err := <-passed:
		t.Errorf("it returned (%v) though the state is behind", err)
	default:
	}
	close(release)
	if err := <-passed; err != nil {
		t.Error(err)
	}
	if got := c.machines[slow].snapshot().Register; got != "new" {
		t.Errorf("the register is %q", got)
	}
}
