package attest

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/admitted"
)

const (
	// runBlocks and runBytes bound what one turn takes, so that one long chain does not
	// keep the others waiting. A run may be over by one block.
	runBlocks = 512
	runBytes  = 8 << 20

	// claimBatch is how many signatures are verified together: of 2,048 each takes four
	// fifths of what it takes of 256, and more gain nothing.
	claimBatch = 2048

	// maxKeys is how many public keys are kept as signatures are verified with them, 6 MB.
	maxKeys = 4096
)

// run is some blocks of a chain that follow one another, and what was found out about each.
type run []block

type block struct {
	canonical []byte
	hash      chain.Hash // of these
	entry     tlog.Hash  // in the log of headers
	// own: this process has produced it from records that it has decided. Then back is
	// what was read; of any other block checked is what was checked.
	own     bool
	back    chain.ReadBack
	checked chain.Checked
	claims  []chain.Claim
	leaf    proof.Leaf
	failed  error // why it is not good
}

// errEnough ends a run.
var errEnough = errors.New("enough for one turn")

// read reads a run of blocks, one at least, and their entries in the log of
// headers.
func (v *verified) read(s State, token string, size uint64) (r run, err error) {
	from, limit := v.Length()+1, min(size-v.Length(), runBlocks)
	if from == 1 {
		limit = 1 // the others are checked by the contract that it carries
	}
	bytes := 0
	err = s.BlocksHashed(token, from, limit, func(_ uint64, canonical []byte, hash chain.Hash) error {
		r = append(r, block{canonical: canonical, hash: hash})
		if bytes += len(canonical); bytes >= runBytes {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if len(r) == 0 {
		return nil, fmt.Errorf("%w: block %d", chain.NotFound, from)
	}
	indexes := make([]int64, len(r))
	for i := range r {
		indexes[i] = tlog.StoredHashIndex(0, int64(from)-1+int64(i))
	}
	entries, err := s.LogHashes(token).ReadHashes(indexes)
	if err != nil {
		return nil, err
	}
	// After the blocks: a snapshot that was restored meanwhile has made it larger.
	produced, err := s.Produced(token)
	for i := range r {
		r[i].entry = entries[i]
		r[i].own = from+uint64(i) >= max(produced, 2)
	}
	return r, err
}

// checkAll checks each block by itself, but for signatures.
func (v *verified) checkAll(r run, workers int) {
	var group errgroup.Group
	group.SetLimit(workers)
	for i := range r {
		group.Go(func() error {
			r[i].check(v)
			return nil
		})
	}
	_ = group.Wait() // each block has its own error
}

// check checks a block. One that this process has produced is what it was if its hash and
// its header are those in the log of headers; where that is not so, the whole check says
// what is wrong with it.
func (b *block) check(v *verified) {
	if b.own {
		back, err := v.ReadBack(b.canonical, b.hash)
		leaf := proof.LeafOf(&back.Header, back.Hash, back.Records)
		if err == nil && leaf.EntryHash() == chain.Hash(b.entry) {
			b.back, b.leaf, b.claims = back, leaf, back.Claims
			return
		}
	}
	b.own = false
	if b.checked, b.claims, b.failed = v.CheckClaims(b.canonical); b.failed != nil {
		return
	}
	c := &b.checked
	b.leaf = proof.LeafOf(&c.Block.Header, c.Hash, len(c.Block.Records))
}

// verifyClaims verifies the signatures of all blocks together, but for those that this
// member has verified when it took them.
func (r run) verifyClaims(known *admitted.Signatures, keys *chain.Keys, workers int) {
	var batch []chain.Signed
	var of []place
	for i := range r {
		if r[i].failed != nil {
			break // what comes after it is not signed either
		}
		for j := range r[i].claims {
			c := &r[i].claims[j]
			if known != nil && known.Take(&admitted.Signature{Message: c.ID, Key: c.Key, Signature: c.Signature}) {
				continue
			}
			batch, of = append(batch, c.Signed), append(of, place{i, j})
		}
	}
	good := make([]bool, len(batch))
	var group errgroup.Group
	group.SetLimit(workers)
	for from := 0; from < len(batch); from += claimBatch {
		end := min(from+claimBatch, len(batch))
		group.Go(func() error {
			copy(good[from:end], keys.VerifyBatch(batch[from:end]))
			return nil
		})
	}
	_ = group.Wait() // good says which
	for i, ok := range good {
		if b := &r[of[i].block]; !ok && b.failed == nil {
			b.failed = b.claims[of[i].claim].NotSigned(b.leaf.Index)
		}
	}
}

// place is where a claim stands in a run.
type place struct{ block, claim int }
