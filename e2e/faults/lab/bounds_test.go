package lab

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/bubble"
	"github.com/bpsc/bpsc/internal/harness"
)

// idle are three members and followers without processes, which nobody expects to run.
func idle() *World {
	w := members(3)
	w.Say, w.Book, w.Follower, w.victim = func(string, ...any) {}, history.NewBook(), &harness.Follower{}, &harness.Follower{}
	for _, p := range w.processes() {
		w.mark(p.ID, "killed", true)
	}
	return w
}

func TestABoundGrowsWithTheChain(t *testing.T) {
	require.Equal(t, time.Minute, through(time.Minute, 0))
	require.Equal(t, time.Minute+time.Second, through(time.Minute, reads))
	w := idle()
	w.chains = []*Chain{{order: make([]string, 9*reads)}, {order: make([]string, reads)}}
	require.GreaterOrEqual(t, w.through(procedures), procedures+10*time.Second)
}

// What an operator does is judged when all faults have ended: not before, and from then on.
func TestWhatAnOperatorDoesIsBounded(t *testing.T) {
	for _, c := range []struct {
		name   string
		before time.Duration // all faults have ended
		takes  time.Duration // from then on
		late   bool
	}{
		{name: "soon", takes: procedures / 2},
		{name: "soon when it can", before: time.Hour, takes: procedures / 2},
		{name: "late", takes: stretch*procedures + time.Second, late: true}, // also where others use the machine
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := idle()
				ends := time.Now().Add(c.before + c.takes)
				_, err := w.operation("a", func(context.Context) error {
					if time.Now().Before(ends) {
						return errNotYet
					}
					return nil
				})
				require.NoError(t, err)
				bubble.Pass(c.before)
				require.NoError(t, w.finish(t.Context()))
				found := rules.Finished(w.procedures)
				if !c.late {
					require.Empty(t, found)
					return
				}
				require.Len(t, found, 1)
				require.Equal(t, rules.Finishes, found[0].Rule)
				require.Contains(t, found[0].What, "the operator, at a took 1m2")
			})
		})
	}
}

// One that comes to no end is a finding, too, and there is no next round.
func TestWhatAnOperatorDoesComesToNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := idle()
		_, err := w.operation("a", func(context.Context) error { return errNotYet })
		require.NoError(t, err)
		require.ErrorIs(t, w.finish(t.Context()), errNotYet)
		require.Len(t, rules.Finished(w.procedures), 1)
	})
}
