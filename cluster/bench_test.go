package cluster

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"
)

// BenchmarkPropose measures requests of 200 bytes through three members on
// loopback, each synced on a majority before it is answered, with so many
// callers at a time, all at the leader or spread over the members.
func BenchmarkPropose(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("leader/%d", callers), func(b *testing.B) { benchmarkPropose(b, callers, false) })
		b.Run(fmt.Sprintf("spread/%d", callers), func(b *testing.B) { benchmarkPropose(b, callers, true) })
	}
}

func benchmarkPropose(b *testing.B, callers int, spread bool) {
	c := startCluster(b, 3)
	leader := c.leader()
	request := bytes.Repeat([]byte("r"), 200)
	var next atomic.Int64
	failures := make(chan error, callers)
	before := c.members[leader].raft.LastIndex()
	b.ReportAllocs()
	b.ResetTimer()
	for caller := range callers {
		m := c.members[leader]
		if spread {
			m = c.members[caller%3]
		}
		go func() {
			for next.Add(1) <= int64(b.N) {
				if r := m.Propose(context.Background(), [][]byte{request})[0]; r.Err != nil {
					failures <- r.Err
					return
				}
			}
			failures <- nil
		}()
	}
	for range callers {
		if err := <-failures; err != nil {
			b.Error(err)
		}
	}
	b.StopTimer()
	entries := c.members[leader].raft.LastIndex() - before
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(float64(b.N)/float64(max(1, entries)), "req/entry")
}
