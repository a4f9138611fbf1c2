package audit

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/fsm"
)

// Names of the checks, in the order in which they are made.
const (
	CheckBlocks     = "blocks"     // each block, and what the rules make of its records
	CheckCheckpoint = "checkpoint" // the log of headers against what was signed
	CheckStoredLog  = "stored log" // a folder's log of headers against the blocks
	CheckStored     = "stored"     // a folder's accounts, holds and counters against the records
)

// check looks at one chain, block after block. What it finds wraps
// chain.ErrInvalid.
type check struct {
	name string
	next func(*block) error // gets each block that the checks before have taken; may be nil
	end  func() error       // comes after the last block; may be nil
}

// block is the block at hand, with what checks make of it for those after them.
type block struct {
	canonical []byte
	*chain.Block
	leaf []byte // of the log of headers, valid until the next block
}

// arrange makes the checks that there are for a chain. This is the place for a
// new one. What a single block or record has to be belongs into chain.Verifier,
// and what the records before it make of it into fsm.Auditor; both work in rules.
func (r *run) arrange() {
	r.rules = &rules{Auditor: fsm.NewAuditor()}
	r.headers = &headers{rules: r.rules, chain: &r.chain}
	r.checks = []check{
		{CheckBlocks, r.rules.next, r.rules.end},
		{CheckCheckpoint, r.headers.next, r.headers.end},
	}
	if s := r.chain.Stored; s != nil {
		log := &storedLog{stored: s.LogHashes(r.chain.Token)}
		r.checks = append(r.checks,
			check{CheckStoredLog, log.next, nil},
			check{CheckStored, nil, func() error { return r.rules.Compare(s) }})
	}
}

// rules checks all that blocks say by themselves.
type rules struct {
	*fsm.Auditor
	chainID    chain.Hash
	recoveries []Recovery // the first of them
	recovered  int
}

func (r *rules) next(b *block) (err error) {
	if b.Block, err = r.Next(b.canonical); err != nil {
		if !strings.Contains(err.Error(), "block ") { // one that cannot be read does not say which it is
			err = fmt.Errorf("block %d: %w", r.Verifier.Length()+1, err)
		}
		return Invalid(err)
	}
	if b.Index == 1 {
		r.chainID = r.Verifier.Tip()
	}
	for i := range b.Records {
		if b.Records[i].Kind == chain.Recovery {
			r.recovery(b.Index, &b.Records[i])
		}
	}
	return nil
}

func (r *rules) recovery(block uint64, record *chain.Record) {
	if r.recovered++; len(r.recoveries) < maxRecoveries {
		r.recoveries = append(r.recoveries, Recovery{block, record.Sender, string(record.Reason), record.MembersBefore, record.MembersAfter})
	}
}

func (r *rules) end() error {
	if r.Verifier.Length() == 0 {
		return invalid("%w: there is no block", proof.ErrEmpty)
	}
	return nil
}

// headers checks the log of the blocks' headers against a checkpoint.
type headers struct {
	rules *rules
	chain *Chain
	claim *Checkpoint // nil: there is none
	tree  chain.RootBuilder
	leaf  []byte
	held  bool // the claim is true of these blocks
}

func (h *headers) next(b *block) error {
	leaf := proof.LeafOf(&b.Header, h.rules.Verifier.Tip(), len(b.Records))
	h.leaf = proof.AppendLeaf(h.leaf[:0], &leaf)
	h.tree.Add(h.leaf)
	b.leaf = h.leaf
	return h.compare()
}

// compare holds the blocks so far against the checkpoint, when they are as many
// as it says.
func (h *headers) compare() error {
	v := &h.rules.Verifier
	token, size := v.Contract.Token, v.Length()
	switch origin := proof.Origin(token, h.rules.chainID); {
	case h.claim != nil && h.claim.Origin != origin:
		return invalid("%w: the checkpoint is of %s, these blocks are of %s", proof.ErrOrigin, h.claim.Origin, origin)
	case h.chain.Token != "" && h.chain.Token != token:
		return invalid("%w: this is the chain of %s, not of %s", proof.ErrOrigin, token, h.chain.Token)
	case h.claim == nil, h.claim.Size != size:
		return nil
	}
	if root := h.tree.Root(); root != h.claim.Root {
		return invalid("%w: up to block %d the checkpoint has root %s, these blocks have %s", proof.ErrInconsistent, size, h.claim.Root, root)
	}
	h.held = true
	return nil
}

func (h *headers) end() error {
	length := h.rules.Verifier.Length()
	if h.chain.Sealed {
		if h.claim.Size < length {
			return badExport("it has %d blocks, and a checkpoint of %d", length, h.claim.Size)
		}
		if err := h.compare(); err != nil {
			return err
		}
	}
	if h.claim != nil && !h.held {
		return invalid("%w: the checkpoint is of %d blocks, and only %d are here", proof.ErrRolledBack, h.claim.Size, length)
	}
	return nil
}

// storedLog checks the stored log of headers against the blocks, node by node.
type storedLog struct {
	stored tlog.HashReader
	size   int64
}

func (l *storedLog) next(b *block) error {
	// What this reads of the log has been compared with the blocks before.
	want, err := tlog.StoredHashesForRecordHash(l.size, tlog.RecordHash(b.leaf), l.stored)
	if err != nil {
		return err
	}
	indexes := make([]int64, len(want))
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, l.size) + int64(i)
	}
	got, err := l.stored.ReadHashes(indexes)
	if err != nil && !errors.Is(err, chain.NotFound) {
		return err
	}
	l.size++
	for i := range want {
		if err != nil || got[i] != want[i] {
			return invalid("block %d: %w: the stored log of headers has another node %d", l.size, proof.ErrLeafPath, indexes[i])
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", chain.ErrInvalid, fmt.Errorf(format, args...))
}
