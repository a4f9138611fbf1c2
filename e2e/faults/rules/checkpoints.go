package rules

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is what a node showed.
type Checkpoint struct {
	Node   string
	Origin string
	Size   int
	Root   string
}

// Tree has the roots of a chain's headers after each block.
type Tree struct {
	hashes []tlog.Hash
	n      int64
	roots  []string
}

// ReadHashes is for tlog.
func (t *Tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, t.hashes[i])
	}
	return out, nil
}

// Add adds the header of the next block.
func (t *Tree) Add(header []byte) error {
	more, err := tlog.StoredHashes(t.n, header, t)
	if err != nil {
		return err
	}
	t.hashes, t.n = append(t.hashes, more...), t.n+1
	root, err := tlog.TreeHash(t.n, t)
	if err == nil {
		t.roots = append(t.roots, root.String())
	}
	return err
}

// Root is that of the first size blocks, "" where there are not so many.
func (t *Tree) Root(size int) string {
	if size < 1 || size > len(t.roots) {
		return ""
	}
	return t.roots[size-1]
}

// Checkpoints finds those that are of another chain, or of blocks that there never were.
func Checkpoints(seen []Checkpoint, origin string, tree *Tree) (found []Finding) {
	for _, c := range seen {
		switch root := tree.Root(c.Size); {
		case c.Origin != origin:
			found = append(found, Finding{OneRoot, fmt.Sprintf("%s shows a checkpoint of %s, the chain is %s", c.Node, c.Origin, origin)})
		case root == "":
			found = append(found, Finding{OneRoot, fmt.Sprintf("%s shows a checkpoint of %d blocks, which there are not", c.Node, c.Size)})
		case root != c.Root:
			found = append(found, Finding{OneRoot, fmt.Sprintf("%s shows %s as the root of %d blocks, their headers give %s", c.Node, c.Root, c.Size, root)})
		}
	}
	return found
}

// Cosigned finds witnesses that show less than they did before: of one chain, as it was seen.
func Cosigned(seen []Checkpoint) (found []Finding) {
	largest := map[string]Checkpoint{}
	for _, c := range seen {
		if before := largest[c.Node]; c.Size < before.Size {
			found = append(found, Finding{Remembers, fmt.Sprintf("%s shows a checkpoint of %d blocks of %s after one of %d", c.Node, c.Size, c.Origin, before.Size)})
		} else {
			largest[c.Node] = c
		}
	}
	return found
}
