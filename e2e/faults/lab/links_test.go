package lab

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/internal/harness"
)

// members are some without processes.
func members(n int) *World {
	w := &World{Cluster: &harness.Cluster{}, cuts: cuts{}, down: map[string]map[string]bool{}, out: map[string]bool{}}
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

// Who is no member does not count, and while one comes or goes nobody knows who votes.
func TestAMajorityOfThoseThatThereAre(t *testing.T) {
	w := members(4)
	w.out["d"] = true
	w.mark("a", "killed", true)
	require.True(t, w.majority(), "two of three")
	delete(w.out, "d")
	require.True(t, w.majority(), "three of four")
	w.mark("d", "starting", true)
	require.False(t, w.majority(), "two of four")
	w.out["c"], w.out["d"] = true, true
	require.False(t, w.majority(), "one of two")

	w = members(4)
	w.changing = w.Cluster.Members[3]
	w.mark("d", "starting", true)
	require.True(t, w.majority(), "the others are all well")
	w.mark("d", "killed", true)
	require.False(t, w.majority(), "it may vote already")
	w.mark("d", "killed", false)
	w.cuts.link(0, 1, lost)
	require.False(t, w.majority(), "all four may be needed")
	w.changing = nil
	require.False(t, w.majority(), "one starts, and two do not reach each other")
	w.mark("d", "starting", false)
	require.True(t, w.majority())
}

// What an operator does goes on step by step, and to its end when the round is over.
func TestWhatAnOperatorDoes(t *testing.T) {
	w := members(3)
	var done []string
	var ready bool
	w.Say = func(string, ...any) {}
	w.Book, w.Follower = history.NewBook(), &harness.Follower{}
	note := func(what string) step {
		return func(context.Context) error { done = append(done, what); return nil }
	}
	_, err := w.operation("a", note("first"), func(context.Context) error {
		if !ready {
			return errNotYet
		}
		return nil
	}, note("second"), w.settle(time.Hour), note("third"))
	require.NoError(t, err)
	require.ErrorIs(t, w.proceed(t.Context()), errNotYet)
	require.Equal(t, []string{"first"}, done)
	_, err = w.operator(plan.Step{Fault: "upgrade"}, nil, nil)
	require.ErrorContains(t, err, "still at something else")
	ready = true
	require.ErrorIs(t, w.proceed(t.Context()), errNotYet, "some time goes by")
	require.Equal(t, []string{"first", "second"}, done)
	w.hurry = true
	require.NoError(t, w.proceed(t.Context()))
	require.Equal(t, []string{"first", "second", "third"}, done)
	require.NoError(t, w.proceed(t.Context()), "nothing is left")
	require.Nil(t, w.procedure)
}

// A command that is refused is run again, and one that has been done already is done.
func TestCommandsAreTriedAgain(t *testing.T) {
	w := members(3)
	w.Say, w.Book = func(string, ...any) {}, history.NewBook()
	tries := 0
	_, err := w.operation("a", w.doing(func(context.Context) error {
		if tries++; tries < 3 {
			return errors.New("refused")
		}
		return nil
	}))
	require.NoError(t, err)
	require.NoError(t, harness.Until(t.Context(), 10*time.Second, "it is done", w.proceed))
	require.Equal(t, 3, tries)
}

func TestLinks(t *testing.T) {
	pairs := between([]int{0}, []int{0, 1, 2})
	require.Equal(t, [][2]int{{0, 1}, {1, 0}, {0, 2}, {2, 0}}, pairs)
	out, in := halves(pairs)
	require.Equal(t, [][2]int{{0, 1}, {0, 2}}, out)
	require.Equal(t, [][2]int{{1, 0}, {2, 0}}, in)
}

// What a backup was restored to is the chain as far as it goes.
func TestARestoredChainIsAPrefix(t *testing.T) {
	chain := [][]byte{[]byte("one"), []byte("two"), []byte("three")}
	require.NoError(t, prefix("aka", chain[:2], chain))
	require.NoError(t, prefix("aka", chain, chain))
	require.ErrorContains(t, prefix("aka", chain, chain[:2]), "3 blocks")
	require.ErrorContains(t, prefix("aka", nil, chain), "0 blocks")
	require.ErrorContains(t, prefix("aka", [][]byte{chain[0], []byte("other")}, chain), "block 2")
}
