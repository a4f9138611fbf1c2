package cluster

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A machine that keeps its state on disk holds entries that raft hands over once more after a
// restart, from the newest snapshot on. To apply one twice would be to decide it twice.
func TestWhatTheMachineHoldsIsNotAppliedAgain(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1)
	c.mustPropose(0, "a")
	c.mustPropose(0, "b")
	kept := c.machines[0]
	c.stop(0)

	cfg := c.config(0)
	cfg.listener = c.listener(0)
	m, err := Open(cfg, kept)
	require.NoError(t, err)
	c.members[0], c.machines[0] = m, kept
	c.leader()
	require.NoError(t, c.propose(0, "c").Err)
	require.Equal(t, []string{"a", "b", "c"}, kept.snapshot().History)
}
