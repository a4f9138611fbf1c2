package admission

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheRatePaysBack(t *testing.T) {
	r := NewRate[string](Limit{Burst: 3, Every: time.Second}, 10)
	now := time.Unix(1_700_000_000, 0)
	for range 3 {
		require.Zero(t, r.Take("x", 1, now))
	}
	require.Equal(t, time.Second, r.Take("x", 1, now))
	require.Zero(t, r.Take("y", 1, now), "each has its own")
	now = now.Add(time.Second)
	require.Zero(t, r.Take("x", 1, now))
	require.Equal(t, time.Second, r.Take("x", 1, now), "what is refused does not count")
}

// What costs more than there is gets it on credit, and pays afterwards.
func TestWhatIsLargeIsDoneOnCredit(t *testing.T) {
	r := NewRate[string](Limit{Burst: 3, Every: time.Second}, 10)
	now := time.Unix(1_700_000_000, 0)
	require.Zero(t, r.Take("x", 10, now))
	require.Equal(t, 8*time.Second, r.Take("x", 1, now))
	require.Zero(t, r.Take("x", 1, now.Add(8*time.Second)))
	require.Zero(t, r.Charge("y", 3, now))
	require.Equal(t, time.Second, r.Charge("y", 2, now), "its turn is after what came before")
	require.Equal(t, 3*time.Second, r.Take("y", 1, now))
}

func TestTheRateIsChangedWhileItRuns(t *testing.T) {
	r := NewRate[string](Limit{}, 10)
	now := time.Unix(1_700_000_000, 0)
	for range 1_000 {
		require.Zero(t, r.Take("x", 100, now), "the zero value is no limit")
	}
	r.Set(Limit{Burst: 1, Every: time.Minute})
	require.Zero(t, r.Take("x", 1, now))
	require.Equal(t, time.Minute, r.Take("x", 1, now))
	r.Set(Limit{})
	require.Zero(t, r.Take("x", 1, now))
}

func TestTheRateKeepsABoundedNumberOfRows(t *testing.T) {
	r := NewRate[string](Limit{Burst: 1, Every: time.Hour}, 100)
	now := time.Unix(1_700_000_000, 0)
	for i := range 10_000 {
		r.Take(fmt.Sprint(i), 1, now)
	}
	require.Equal(t, 100, r.until.Len())
	require.NotZero(t, r.Take("9999", 1, now), "those that came last are known")
}

func TestLimitsAreRead(t *testing.T) {
	for text, want := range map[string]Limit{
		"0": {}, "0:5": {}, "100": {10 * time.Millisecond, 1_000}, "100:500": {10 * time.Millisecond, 500},
		"0.5": {2 * time.Second, 5}, "0.01": {100 * time.Second, 1}, "2:1": {500 * time.Millisecond, 1},
	} {
		got, err := ParseLimit(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		again, err := ParseLimit(got.String())
		require.NoError(t, err, got.String())
		require.Equal(t, got, again)
	}
	for _, text := range []string{"", "x", "-1", "1e9", "NaN", "Inf", "100/s", "100:", "100:0", "100:-1", "100:x", "1e-9", "10:1:1", " 1"} {
		_, err := ParseLimit(text)
		require.ErrorIs(t, err, errLimit, text)
	}
}
