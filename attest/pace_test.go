package attest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Unix(1_800_000_000, 0)

// Many chains choose in rounds, as many in each as there are slots in it.
func TestManyChainsChooseInRounds(t *testing.T) {
	var p pace
	require.Equal(t, noon, p.next(noon), "the first does not wait")
	chosen := map[time.Time]int{}
	for range 999 {
		chosen[p.next(noon)]++
	}
	require.Len(t, chosen, int(1000*slot/round))
	for at, n := range chosen {
		require.Zero(t, at.Sub(noon)%round)
		require.InDelta(t, int(round/slot), n, 1)
		require.False(t, at.After(noon.Add(1000*slot)))
	}
	later := noon.Add(time.Hour)
	require.Equal(t, later, p.next(later), "alone nobody waits")
}

// A clock that is set back keeps nobody waiting: turns go by the monotonic clock.
func TestTurnsDoNotGoByTheWallClock(t *testing.T) {
	var p pace
	now := time.Now()
	p.next(now)
	at := p.next(now)
	require.NotEqual(t, at.Round(0), at, "it has a reading of the monotonic clock")
	require.LessOrEqual(t, at.Sub(now), round+slot)
}

// Nobody chooses earlier than what the chains before him have left.
func TestTurnsAreNotHandedOutTwice(t *testing.T) {
	var p pace
	last := noon
	for i := range 500 {
		at := p.next(noon.Add(time.Duration(i) * slot / 2))
		require.False(t, at.Before(last))
		last = at
	}
	require.WithinDuration(t, noon.Add(500*slot), last, round)
}

// A chain waits for its turn once, and chooses then what there is.
func TestATurnIsKeptUntilItComes(t *testing.T) {
	a := &Attester{}
	first, second := &watcher{Attester: a}, &watcher{Attester: a}
	require.Zero(t, first.myTurn(noon))
	require.Equal(t, round, second.myTurn(noon))
	require.Equal(t, 4*time.Millisecond, second.myTurn(noon.Add(round-4*time.Millisecond)))
	require.Zero(t, second.myTurn(noon.Add(round)))
	require.Zero(t, second.myTurn(noon.Add(2*round)), "and the next is another one")
}
