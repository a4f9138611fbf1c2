package sim

import (
	"slices"
	"sync"

	"github.com/bpsc/bpsc/chain"
)

// copies are what a follower did with chains, in all of its lives. Any goroutine may add.
type copies struct {
	mu  sync.Mutex
	all []copied
}

// copied is one thing that it did.
type copied struct {
	what  string
	token string
	index uint64     // of the block; of began and kept: how many there are
	hash  chain.Hash // of the block
}

const (
	began = "began" // a process, and found so many blocks
	took  = "took"  // a block
	kept  = "kept"  // so many for good: no loss of power takes them
)

func (c *copies) note(what copied) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, what)
}

// of is what it did with one chain until now.
func (c *copies) of(token string) []copied {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.all), func(one copied) bool { return one.token != token })
}

// checkCopies: whatever a follower takes is the members' chain, and it takes one block after
// the other. What it has kept for good it has after a loss of power as well.
func checkCopies(who string, all []copied, end *ledger, say func(rule, format string, args ...any)) {
	var has, safe uint64
	seen := map[uint64]chain.Hash{}
	for _, c := range all {
		switch c.what {
		case began:
			if c.index < safe {
				say(ruleKeeps, "%s begins with %d blocks of %s, and has kept %d for good", who, c.index, c.token, safe)
			}
			has = c.index
			for i := range has {
				if _, known := seen[i+1]; !known {
					say(ruleKeeps, "%s begins with block %d of %s, which it has never taken", who, i+1, c.token)
				}
			}
		case kept:
			safe = max(safe, c.index)
		case took:
			if c.index != has+1 {
				say(ruleKeeps, "%s takes block %d of %s on top of %d", who, c.index, c.token, has)
			}
			if before, known := seen[c.index]; known && before != c.hash {
				say(ruleKeeps, "%s had %s as block %d of %s, and takes %s", who, before, c.index, c.token, c.hash)
			}
			has, seen[c.index] = c.index, c.hash
			switch {
			case c.index > uint64(len(end.blocks)):
				if !end.partial {
					say(ruleCopies, "%s has taken block %d of %s, and there are %d", who, c.index, c.token, len(end.blocks))
				}
			case chain.HashBytes(end.blocks[c.index-1]) != c.hash:
				say(ruleCopies, "%s has taken %s as block %d of %s, and it is %s", who, c.hash, c.index, c.token, chain.HashBytes(end.blocks[c.index-1]))
			}
		}
	}
}

// countCopies is what a follower has come to with one chain.
func countCopies(all []copied) map[string]int {
	count, has := map[string]int{}, uint64(0)
	for _, c := range all {
		switch {
		case c.what == took:
			count["a follower takes a block"]++
			has = c.index
		case c.what == began && c.index < has:
			count["a follower has lost blocks that it had not kept"]++
		}
	}
	return count
}
