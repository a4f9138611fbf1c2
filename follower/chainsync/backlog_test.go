package chainsync

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestABacklogIsAsOldAsTheBlockThatIsMissingLongest(t *testing.T) {
	var b backlog
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	require.Zero(t, b.since())
	b.heard(5, 5, at(1))
	require.Zero(t, b.since(), "nothing is missing")
	b.heard(7, 5, at(2))
	b.heard(7, 5, at(3))
	require.Equal(t, at(2), b.since(), "heard again")
	b.grew(6)
	require.Equal(t, at(2), b.since(), "one is still missing")
	b.heard(9, 6, at(4))
	b.heard(12, 6, at(5))
	b.grew(7)
	require.Equal(t, at(4), b.since(), "those that came meanwhile are younger")
	b.heard(12, 7, at(6))
	b.grew(9)
	require.Equal(t, at(6), b.since())
	b.grew(12)
	require.Zero(t, b.since())
}

func TestABacklogOfAnUpstreamThatHasLessEnds(t *testing.T) {
	var b backlog
	b.heard(1000, 5, time.Unix(1, 0)) // it lied, and is put aside
	b.heard(6, 5, time.Unix(2, 0))
	b.grew(6)
	require.Zero(t, b.since())
	b.heard(1000, 5, time.Unix(3, 0))
	b.heard(5, 5, time.Unix(4, 0))
	require.Zero(t, b.since())
}
