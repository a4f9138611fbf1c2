package attest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestManyChainsChooseOneAfterAnother(t *testing.T) {
	now, write := time.Unix(1_800_000_000, 0), 4*time.Millisecond
	var p pace
	for range 100 {
		p.wrote(write)
	}
	require.InDelta(t, write, p.took, float64(write)/100)
	for i := range 1000 {
		require.WithinDuration(t, now.Add(time.Duration(i)*p.took), p.next(now), 0)
	}
	later := now.Add(time.Hour)
	require.Equal(t, later, p.next(later), "alone nobody waits")
}

func TestASlowDiskHoldsNobodyUpForLong(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var p pace
	for range 100 {
		p.wrote(time.Minute)
	}
	p.next(now)
	require.Equal(t, now.Add(maxSlot), p.next(now))
	for range 100 {
		p.wrote(0)
	}
	p.next(now.Add(time.Second))
	require.WithinDuration(t, now.Add(time.Second), p.next(now.Add(time.Second)), maxSlot, "it has recovered")
}

// A chain waits for its turn once, and chooses then what there is.
func TestATurnIsKeptUntilItComes(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	a := &Attester{}
	a.pace.took = 10 * time.Millisecond
	first, second := &watcher{Attester: a}, &watcher{Attester: a}
	require.Zero(t, first.myTurn(now))
	require.Equal(t, 10*time.Millisecond, second.myTurn(now))
	require.Equal(t, 4*time.Millisecond, second.myTurn(now.Add(6*time.Millisecond)))
	require.Zero(t, second.myTurn(now.Add(10*time.Millisecond)))
	require.Equal(t, 10*time.Millisecond, second.myTurn(now.Add(10*time.Millisecond)), "and the next is another one")
}
