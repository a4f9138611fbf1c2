// Package nodelist is a bounded list of addresses that strangers may add to: it
// is never full for a newcomer, and nobody takes the place of all others. The
// same calls in the same order give the same list.
package nodelist

import (
	"encoding/json"
	"slices"
	"strings"
)

const (
	// Max bounds the list: it is a directory to look at, not a database.
	Max = 1000

	// share is how many of them one network may add: enough for all nodes of a
	// test machine, and it takes ten networks to fill the list.
	share = 100
)

// List is the addresses by who added them. Its zero value is empty. It is not
// safe for concurrent use.
type List struct {
	groups []group  // in order of their first address
	sorted []string // all addresses
}

// group is what one network has added, oldest first; never empty.
type group struct {
	From  string
	Nodes []string
}

// Add puts an address on the list, and returns false if it is there already.
// What makes room for it is the oldest of its own network if that has its share,
// else, where the list is full, the oldest of the network that has most.
func (l *List) Add(address, from string) (added bool) {
	if _, known := slices.BinarySearch(l.sorted, address); known {
		return false
	}
	if own := l.group(from); own >= 0 && len(l.groups[own].Nodes) >= share {
		l.dropOldest(own)
	} else if len(l.sorted) >= Max {
		l.dropOldest(l.largest())
	}
	at, _ := slices.BinarySearch(l.sorted, address)
	l.sorted = slices.Insert(l.sorted, at, address)
	if own := l.group(from); own >= 0 {
		l.groups[own].Nodes = append(l.groups[own].Nodes, address)
	} else {
		l.groups = append(l.groups, group{from, []string{address}})
	}
	return true
}

// group is the place of a network's group, -1 where it has none.
func (l *List) group(from string) int {
	return slices.IndexFunc(l.groups, func(g group) bool { return g.From == from })
}

func (l *List) largest() int {
	most := 0
	for i := range l.groups {
		if len(l.groups[i].Nodes) > len(l.groups[most].Nodes) {
			most = i
		}
	}
	return most
}

func (l *List) dropOldest(i int) {
	g := &l.groups[i]
	at, _ := slices.BinarySearch(l.sorted, g.Nodes[0])
	l.sorted = slices.Delete(l.sorted, at, at+1)
	if g.Nodes = slices.Delete(g.Nodes, 0, 1); len(g.Nodes) == 0 {
		l.groups = slices.Delete(l.groups, i, i+1)
	}
}

// Remove takes an address off the list and tells whether it was there. One that
// ends in a colon stands for all ports of its host.
func (l *List) Remove(address string) bool {
	gone := func(node string) bool {
		return node == address || strings.HasSuffix(address, ":") && node[:strings.LastIndexByte(node, ':')+1] == address
	}
	before := len(l.sorted)
	l.sorted = slices.DeleteFunc(l.sorted, gone)
	if len(l.sorted) == before {
		return false
	}
	for i := range l.groups {
		l.groups[i].Nodes = slices.DeleteFunc(l.groups[i].Nodes, gone)
	}
	l.groups = slices.DeleteFunc(l.groups, func(g group) bool { return len(g.Nodes) == 0 })
	return true
}

// Len is how many addresses there are.
func (l *List) Len() int { return len(l.sorted) }

// Page returns at most limit addresses that come after one in their order; ""
// comes before all.
func (l *List) Page(after string, limit int) []string {
	from, found := slices.BinarySearch(l.sorted, after)
	if found {
		from++
	}
	return slices.Clone(l.sorted[from:min(from+limit, len(l.sorted))])
}

// Clone returns a list of its own.
func (l *List) Clone() List {
	c := List{groups: slices.Clone(l.groups), sorted: slices.Clone(l.sorted)}
	for i := range c.groups {
		c.groups[i].Nodes = slices.Clone(c.groups[i].Nodes)
	}
	return c
}

// MarshalJSON writes all of the list.
func (l List) MarshalJSON() ([]byte, error) { return json.Marshal(l.groups) }

// UnmarshalJSON replaces the list by one that was written.
func (l *List) UnmarshalJSON(text []byte) error {
	var groups []group
	if err := json.Unmarshal(text, &groups); err != nil {
		return err
	}
	*l = List{}
	for _, g := range groups {
		for _, n := range g.Nodes {
			l.Add(n, g.From)
		}
	}
	return nil
}
