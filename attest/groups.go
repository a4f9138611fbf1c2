package attest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/bpsc/bpsc/internal/durable"
)

// groups is the part of the journal that the chains of a member share, so that what many of
// them are about to sign is on the disk with one pair of fsyncs: while one group is written
// the next one gathers. A group is a sealed file of its own, never changed and never
// appended to, so that a crash leaves a whole one or none and damage cannot pass for a
// crash. What is alone goes into the file of its chain.
//
// Safe for concurrent use. disk is held by whoever reads or writes, and guards what is in its
// paragraph; mu guards waiting.
type groups struct {
	parent string      // the folder of the files of chains
	shared func() bool // whether files of groups may be written: who does not know them would miss them

	disk   sync.Mutex
	opened bool              // what is on the disk was read
	number uint64            // of the newest group
	begun  uint64            // of the newest that has all chains; 0: none
	last   map[string]signed // by token, what the groups have

	mu      sync.Mutex
	waiting []*note
}

// note is what one chain is about to sign.
type note struct {
	token string
	signed
	done bool // it was written, or err says why not; disk guards both
	err  error
}

// group is a file of them. Its number follows that of the group before.
type group struct {
	Number uint64            `json:"number"`
	All    bool              `json:"all,omitempty"` // it has what all groups before had, too
	Signed map[string]signed `json:"signed"`        // by token
}

const (
	groupsFolder = "groups"

	// maxGroups is after how many groups one has all chains, 280 bytes each, and those before
	// are removed: a start reads so many files at most.
	maxGroups = 64
)

func (g *groups) folder() string { return filepath.Join(g.parent, groupsFolder) }

func (g *groups) path(number uint64) string {
	return filepath.Join(g.folder(), strconv.FormatUint(number, 10)+journalSuffix)
}

// open reads what the groups say, once. What cannot be read is an error of each chain, since
// nobody knows of which chains it speaks. The caller holds disk.
func (g *groups) open() (err error) {
	if g.opened {
		return nil
	}
	if err := g.read(); err != nil {
		return unreadable(g.folder(), err)
	}
	g.opened = true
	return nil
}

// read reads all groups, from the newest back to one that has all chains.
func (g *groups) read() error {
	g.last, g.number, g.begun = map[string]signed{}, 0, 0
	numbers, err := g.numbers()
	if err != nil {
		return err
	}
	for i, number := range slices.Backward(numbers) {
		if want := numbers[len(numbers)-1] - uint64(len(numbers)-1-i); number != want {
			return fmt.Errorf("group %d is missing", want)
		}
		one, err := g.readGroup(number)
		if err != nil {
			return err
		}
		for token, s := range one.Signed {
			if _, newer := g.last[token]; !newer {
				g.last[token] = s
			}
		}
		g.number = max(g.number, number)
		if one.All {
			g.begun = number
			g.remove(numbers[:i])
			return nil
		}
	}
	if len(numbers) > 0 && numbers[0] != 1 {
		return fmt.Errorf("group %d is missing", numbers[0]-1)
	}
	return nil
}

func (g *groups) readGroup(number uint64) (one group, err error) {
	err = durable.ReadSealed(g.path(number), &one)
	if err == nil && (one.Number != number || len(one.Signed) == 0) {
		err = fmt.Errorf("group %d: %w", number, errNothing)
	}
	return one, err
}

// numbers lists the groups that there are, in order.
func (g *groups) numbers() (numbers []uint64, err error) {
	entries, err := os.ReadDir(g.folder())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), journalSuffix)
		if !is {
			continue // it was being written
		}
		n, err := strconv.ParseUint(name, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is no group", e.Name())
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers, nil
}

// newest is what the groups say of a chain; of size 0 where they say nothing.
func (g *groups) newest(token string) (signed, error) {
	g.disk.Lock()
	defer g.disk.Unlock()
	err := g.open()
	return g.last[token], err
}

// tokens lists the chains that are in groups.
func (g *groups) tokens() []string {
	g.disk.Lock()
	defer g.disk.Unlock()
	_ = g.open() // each chain will say so
	return slices.Collect(maps.Keys(g.last))
}

// write returns once what a chain is about to sign is on the disk, with that of all chains
// that came while the group before was written.
func (g *groups) write(token string, s signed) error {
	if !g.shared() { // side by side, each its own file
		return durable.WriteSealed(journalPath(g.parent, token), s)
	}
	n := &note{token: token, signed: s}
	g.mu.Lock()
	g.waiting = append(g.waiting, n)
	g.mu.Unlock()

	g.disk.Lock()
	defer g.disk.Unlock()
	if !n.done {
		g.writeAll(g.take())
	}
	return n.err
}

func (g *groups) take() (notes []*note) {
	g.mu.Lock()
	defer g.mu.Unlock()
	notes, g.waiting = g.waiting, nil
	return notes
}

// writeAll writes what was taken, as a group, or each into the file of its chain.
func (g *groups) writeAll(notes []*note) {
	if len(notes) > 1 {
		err := g.writeGroup(notes)
		for _, n := range notes {
			n.done, n.err = true, err
		}
		return
	}
	for _, n := range notes {
		n.done, n.err = true, durable.WriteSealed(journalPath(g.parent, n.token), n.signed)
	}
}

// writeGroup writes a group. One that could not be written is none: the next one has its
// number, and takes the place of whatever is left of it.
func (g *groups) writeGroup(notes []*note) error {
	next := group{Number: g.number + 1, All: g.number-g.begun >= maxGroups, Signed: map[string]signed{}}
	if next.All {
		maps.Copy(next.Signed, g.last)
	}
	for _, n := range notes {
		next.Signed[n.token] = n.signed
	}
	if next.Number == 1 {
		if err := durable.MkdirAll(g.folder(), 0o700); err != nil {
			return err
		}
	}
	if err := durable.WriteSealed(g.path(next.Number), next); err != nil {
		return err
	}
	maps.Copy(g.last, next.Signed)
	g.number = next.Number
	if !next.All {
		return nil
	}
	var old []uint64
	for n := max(g.begun, 1); n < next.Number; n++ {
		old = append(old, n)
	}
	g.begun = next.Number
	g.remove(old)
	return nil
}

// remove removes groups that a later one has all of, the oldest first. Nobody reads those that
// a crash or an error leaves, and the next start removes them: they stop no signing.
func (g *groups) remove(numbers []uint64) {
	for _, n := range numbers {
		_ = os.Remove(g.path(n))
	}
}
