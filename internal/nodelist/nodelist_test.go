package nodelist

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func add(l *List, from string, count int) {
	for i := range count {
		l.Add(fmt.Sprintf("%s-%04d:1", from, i), from)
	}
}

func TestOneNetworkHasItsShareAndNoMore(t *testing.T) {
	var l List
	l.Add("first:1", "b")
	add(&l, "a", 3*Max)
	require.Equal(t, share+1, l.Len())
	require.Contains(t, l.Page("", Max), "first:1", "who came before is still there")
	require.Contains(t, l.Page("", Max), fmt.Sprintf("a-%04d:1", 3*Max-1), "the newest of the network are the ones kept")
}

func TestAFullListTakesNewcomers(t *testing.T) {
	var l List
	l.Add("small:1", "small")
	for i := range 2 * Max / share {
		add(&l, fmt.Sprintf("net%d", i), share)
	}
	require.Equal(t, Max, l.Len())
	l.Add("new:1", "newcomer")
	require.Equal(t, Max, l.Len())
	all := l.Page("", Max)
	require.Contains(t, all, "new:1")
	require.Contains(t, all, "small:1", "whoever has most makes room")
}

func TestAnAddressStandsOnceAndCanBeRemoved(t *testing.T) {
	var l List
	l.Add("a:1", "x")
	l.Add("a:1", "y")
	l.Add("b:1", "y")
	require.Equal(t, []string{"a:1", "b:1"}, l.Page("", Max))
	require.False(t, l.Remove("c:1"))
	require.True(t, l.Remove("a:1"))
	require.False(t, l.Remove("a:1"))
	require.Equal(t, []string{"b:1"}, l.Page("", Max))
	for _, n := range []string{"h:1", "h:2", "hh:1", "[::1]:1", "[::1]:2"} {
		l.Add(n, "x")
	}
	require.False(t, l.Remove("::1:"))
	require.True(t, l.Remove("h:"))
	require.True(t, l.Remove("[::1]:"))
	require.Equal(t, []string{"b:1", "hh:1"}, l.Page("", Max))
}

func TestPagesAreTheWholeList(t *testing.T) {
	var l List
	add(&l, "a", 25)
	var all []string
	for after := ""; ; {
		page := l.Page(after, 10)
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
		after = page[len(page)-1]
	}
	require.Len(t, all, 25)
	require.True(t, slices.IsSorted(all))
}

func TestAListIsTheSameAfterItWasWritten(t *testing.T) {
	var l, again List
	add(&l, "a", 3*share)
	add(&l, "b", 10)
	text, err := json.Marshal(l)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &again))
	require.Equal(t, l.groups, again.groups)
	require.Equal(t, l.sorted, again.sorted)
	c := l.Clone()
	c.Add("c:1", "a")
	require.Equal(t, again.sorted, l.sorted)
}
