package lab

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
)

// members are some without processes.
func members(n int) *World {
	w := &World{Cluster: &harness.Cluster{}, cuts: cuts{}, down: map[string]map[string]bool{}}
	for i := range n {
		w.Cluster.Members = append(w.Cluster.Members, &harness.Member{Process: harness.Process{ID: string(rune('a' + i))}})
	}
	return w
}

func TestWhetherThereIsAMajority(t *testing.T) {
	w := members(3)
	require.True(t, w.majority())
	w.cuts.link(0, 1, lost)
	require.True(t, w.majority(), "two of three reach each other still")
	w.cuts.link(1, 2, slow)
	require.True(t, w.majority(), "the two others")
	w.cuts.link(2, 0, lossy)
	require.False(t, w.majority())
	w.cuts.link(2, 0, "")
	require.True(t, w.majority())
	w.mark("a", "killed", true)
	require.False(t, w.majority())
	require.Len(t, w.without(), 1, "it lasts")
	began := w.without()[0].From
	w.mark("a", "paused", true)
	w.mark("a", "killed", false)
	require.Equal(t, began, w.without()[0].From)
	w.mark("a", "paused", false)
	require.Len(t, w.without(), 1)
	require.WithinDuration(t, time.Now(), w.without()[0].To, time.Minute)

	w = members(5)
	for _, p := range between([]int{0, 1}, []int{2, 3, 4}) {
		w.cuts.link(p[0], p[1], lost)
	}
	require.True(t, w.majority())
	w.mark("e", "killed", true)
	require.False(t, w.majority())
}

func TestLinks(t *testing.T) {
	pairs := between([]int{0}, []int{0, 1, 2})
	require.Equal(t, [][2]int{{0, 1}, {1, 0}, {0, 2}, {2, 0}}, pairs)
	out, in := halves(pairs)
	require.Equal(t, [][2]int{{0, 1}, {0, 2}}, out)
	require.Equal(t, [][2]int{{1, 0}, {2, 0}}, in)
}
