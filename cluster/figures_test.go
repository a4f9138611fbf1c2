package cluster

import "testing"

// A member counts what it does: the leader its entries, each the writes to its log,
// what it applies, and leaders that it learns of.
func TestFigures(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	leader := c.leader()
	const entries = 20
	for range entries {
		c.mustPropose(leader, "x")
	}
	c.sameHistory()
	for i, m := range c.members {
		f := m.Figures()
		if n := f.Commits.Summary().Count; (n >= entries) != (i == leader) {
			t.Errorf("n%d, leader: %v, counts %d entries that it got committed", i+1, i == leader, n)
		}
		if n := f.Applies.Summary().Count; n < entries {
			t.Errorf("n%d counts %d entries that it applied", i+1, n)
		}
		if f.LogWrites.Summary().Count == 0 || f.Leaders == 0 || i == leader && f.Elections == 0 {
			t.Errorf("n%d: %+v", i+1, f)
		}
		if f.Queue.Requests != 0 || f.Queue.Bytes != 0 {
			t.Errorf("n%d has %+v in its queue, and nobody waits", i+1, f.Queue)
		}
	}
}
