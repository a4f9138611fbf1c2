package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// cut is what happens to packets from one member to another.
type cut string

const (
	lost  cut = "drop"                                                  // all of them are lost
	lossy cut = "numgen random mod 100 < 20 drop"                       // some are
	slow  cut = "limit rate over 64 kbytes/second burst 64 kbytes drop" // what is too much at once is, and TCP sends more slowly
)

// cuts are the links that are not as they should be: from, to, by number.
type cuts map[[2]int]cut

// link sets what happens to packets from one member to another; "" mends it.
func (c cuts) link(from, to int, how cut) {
	if from == to {
		return
	}
	if how == "" {
		delete(c, [2]int{from, to})
	} else {
		c[[2]int{from, to}] = how
	}
}

// whole tells whether packets get from one to the other as they should.
func (c cuts) whole(a, b int) bool { return c[[2]int{a, b}] == "" && c[[2]int{b, a}] == "" }

// script is what nft is told on one member's machine: the receiver loses packets.
func (w *World) script(to int) string {
	var b strings.Builder
	b.WriteString("add table inet faults\ndelete table inet faults\nadd table inet faults\n")
	b.WriteString("add chain inet faults input { type filter hook input priority 0; policy accept; }\n")
	for _, link := range slices.SortedFunc(maps.Keys(w.cuts), func(a, b [2]int) int { return a[0] - b[0] }) {
		if link[1] == to {
			fmt.Fprintf(&b, "add rule inet faults input ip saddr %s %s\n", w.Hosts.Addr(link[0]), w.cuts[link])
		}
	}
	return b.String()
}

// filter has the machines of some members go by what the links are.
func (w *World) filter(ctx context.Context, members ...int) error {
	var errs []error
	for _, i := range members {
		errs = append(errs, w.Hosts.Filter(ctx, i, w.script(i)))
	}
	return errors.Join(errs...)
}

// set sets links and carries that out: pairs of from and to.
func (w *World) set(ctx context.Context, how cut, pairs ...[2]int) error {
	touched := map[int]bool{}
	for _, p := range pairs {
		w.cuts.link(p[0], p[1], how)
		touched[p[1]] = true
	}
	return w.filter(ctx, slices.Sorted(maps.Keys(touched))...)
}

// between are all links between two groups of members, both ways.
func between(a, b []int) (pairs [][2]int) {
	for _, x := range a {
		for _, y := range b {
			if x != y {
				pairs = append(pairs, [2]int{x, y}, [2]int{y, x})
			}
		}
	}
	return pairs
}
