package lab

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What the laboratory itself wants stretches nothing; from there on bounds grow with the load, and not without end.
func TestBoundsStretchWithTheLoad(t *testing.T) {
	for _, c := range []struct {
		load       float64
		processors int
		want       float64
	}{
		{0, 2, 1}, {3, 2, 1}, {6, 2, 1}, {9, 2, 1.5}, {10, 4, 1}, {12, 2, 2}, {24, 2, 4}, {30, 2, 4}, {300, 8, 4}, {48, 8, 2},
	} {
		require.InDelta(t, c.want, slower(c.load, c.processors), 1e-9, "%v on %d", c.load, c.processors)
	}
	for load := 0.0; load < 40; load += 0.1 { // no step at which a bound is suddenly another one
		require.InDelta(t, slower(load, 2), slower(load+0.1, 2), 0.1/6+1e-9)
	}
}
