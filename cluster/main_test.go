package cluster

import (
	"testing"

	"go.uber.org/goleak"
)

// Raft never answers for entries that it held in its buffer when it was shut
// down (see Member.settle), so whoever waits for one of them waits until the
// process ends, which in the product is at once.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/bpsc/bpsc/cluster.(*batcher).propose.func1"),
		goleak.IgnoreAnyFunction("github.com/bpsc/bpsc/cluster.(*Member).settle.func1"))
}
