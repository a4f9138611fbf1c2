package attest

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// resume goes on from what this member has signed, if the chain it holds is
// still that one: the block it ended with, and the log of headers, whose root
// commits to all blocks before. The chain is as long at least.
func resume(s State, token string, last signed) (*verified, error) {
	if last.Size == 0 {
		return &verified{}, nil
	}
	contradicts := func(what string) error {
		return fmt.Errorf("%w: root %s of %d blocks, but %s: either went back in time", ErrWouldContradict, last.Root, last.Size, what)
	}
	info, err := s.Contract(token)
	if err != nil {
		return nil, err
	}
	if info.ID != last.ChainID {
		return nil, contradicts("the chain here is another one, " + info.ID.String())
	}
	_, hash, err := s.Block(token, last.Size)
	if err != nil {
		return nil, err
	}
	if hash != last.Tip {
		return nil, contradicts(fmt.Sprintf("block %d here has the hash %s", last.Size, hash))
	}
	v := &verified{id: info.ID, tip: proof.Leaf{Index: last.Size, Hash: last.Tip, Timestamp: last.Timestamp}}
	info.Length, info.Tip, info.TipTimestamp = last.Size, last.Tip, last.Timestamp
	v.Verifier = chain.ResumeVerifier(info)
	if v.tree, err = resumeTree(s.LogHashes(token), last.Size); err != nil {
		return nil, err
	}
	if root := v.tree.Root(); root != last.Root {
		return nil, contradicts("the log of headers here has root " + root.String())
	}
	return v, nil
}

// resumeTree reads the right edge of a log of headers of the given size.
func resumeTree(r tlog.HashReader, size uint64) (chain.RootBuilder, error) {
	var indexes []int64
	begin := uint64(0)
	for level := 63; level >= 0; level-- {
		if size&(1<<level) != 0 {
			indexes = append(indexes, tlog.StoredHashIndex(level, int64(begin>>level)))
			begin += 1 << level
		}
	}
	nodes, err := r.ReadHashes(indexes)
	if err != nil {
		return chain.RootBuilder{}, err
	}
	edge := make([]chain.Hash, len(nodes))
	for i, n := range nodes {
		edge[i] = chain.Hash(n)
	}
	return chain.ResumeRoot(size, edge), nil
}
