package rules

import (
	"bytes"
	"fmt"
)

// Copy is what a node gave away of a contract's chain, from some block on.
type Copy struct {
	Node   string
	First  int // index of the first of Blocks
	Blocks [][]byte
}

// Quiet is what all nodes have of a contract's chain when nothing is pending.
type Quiet struct {
	Contract string
	Copies   []Copy // all from the same block on; the first one's is the one that was verified
	Refuted  error  // why the verifier, which shares no code with the product, does not take it
	Counted  int    // records that it has counted so far
	Said     int    // records that there are, as the first node says
}

// Same finds nodes whose chain is another one than the first one's, and a chain that does
// not verify.
func Same(q Quiet) (found []Finding) {
	say := func(format string, args ...any) {
		found = append(found, Finding{SameChain, q.Contract + ": " + fmt.Sprintf(format, args...)})
	}
	if len(q.Copies) == 0 {
		return nil
	}
	first := q.Copies[0]
	for _, c := range q.Copies[1:] {
		if what := differs(first, c); what != "" {
			say("%s", what)
		}
		if len(c.Blocks) != len(first.Blocks) {
			say("%s has %d blocks from %d on, and %s %d", c.Node, len(c.Blocks), c.First, first.Node, len(first.Blocks))
		}
	}
	switch {
	case q.Refuted != nil:
		say("what %s has does not verify: %v", first.Node, q.Refuted)
	case q.Counted != q.Said:
		say("there are %d records, and %s says %d", q.Counted, first.Node, q.Said)
	}
	return found
}

// differs is the first block that both have and that is another one, in words; "": there is none.
func differs(a, b Copy) string {
	for i := max(a.First, b.First); i < min(a.First+len(a.Blocks), b.First+len(b.Blocks)); i++ {
		if one, other := a.Blocks[i-a.First], b.Blocks[i-b.First]; !bytes.Equal(one, other) {
			return fmt.Sprintf("block %d of %s is another one: %.300s, and not %.300s", i, b.Node, other, one)
		}
	}
	return ""
}
