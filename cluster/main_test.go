package cluster

import (
	"testing"

	"go.uber.org/goleak"
)

// Raft never answers for entries that it held in its buffer when it was shut
// down (see Member.settle), so whoever waits for one of them waits until the
// process ends, which in the product is at once. bbolt, when it panics over a damaged file,
// leaves the goroutine behind that was looking through it; a member with such a file ends.
// Two tests show what of raft waits for ever (upstream_waits_test.go).
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/bpsc/bpsc/cluster/groupcommit.(*Batcher).propose.func1"),
		goleak.IgnoreAnyFunction("github.com/bpsc/bpsc/cluster.(*Member).settle.func1"),
		goleak.IgnoreAnyFunction("github.com/bpsc/bpsc/cluster/groupcommit.Await.func1"),
		goleak.IgnoreAnyFunction("github.com/hashicorp/raft.(*Raft).leadershipTransfer"),
		goleak.IgnoreAnyFunction("github.com/hashicorp/raft.(*Raft).leaderLoop.func2"),
		goleak.IgnoreAnyFunction("go.etcd.io/bbolt.(*DB).freepages.func2"))
}
