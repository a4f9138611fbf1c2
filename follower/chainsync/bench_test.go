package chainsync

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkFollow syncs a chain over loopback, with everything that is checked
// and stored. The upstream runs on the same cores.
func BenchmarkFollow(b *testing.B) {
	const blocks, transfers = 300, 500
	c := newCluster(b)
	c.create("aka", 1)
	for range blocks {
		c.grow("aka", transfers)
	}
	up := serve(b, c, "aka")
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		s := openStore(b, dir)
		f, err := New(testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}}), StoreLedger(s))
		require.NoError(b, err)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		b.StartTimer()
		go func() { ended <- f.Run(ctx) }()
		require.NoError(b, f.Pull(ctx, "aka"))
		b.StopTimer()
		cancel()
		require.NoError(b, <-ended)
		require.NoError(b, s.Close())
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N*blocks*transfers)/b.Elapsed().Seconds(), "tx/s")
}
