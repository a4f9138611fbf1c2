package proof

import (
	"fmt"

	"github.com/bpsc/bpsc/chain"
)

// ReceiptSuffix ends the name of a receipt's file.
const ReceiptSuffix = ".tlog-proof"

// Receipt is a record with everything needed to verify it offline.
type Receipt struct {
	Record      []byte // canonical text, as it stands in its block
	Position    int    // of the record in its block, from 0
	RecordProof []chain.Hash
	Leaf        Leaf // the block's header
	LeafProof   []chain.Hash
	Checkpoint  []byte // signed note
}

// BuildReceipt makes the receipt of a record from the block that holds it and
// the path of the block's leaf to the checkpoint. It verifies all but the
// signatures, so that nobody is handed a receipt that fails elsewhere.
func BuildReceipt(leaf Leaf, block []byte, position int, leafProof []chain.Hash, signedNote []byte) (*Receipt, error) {
	if leaf.Hash != chain.HashBytes(block) {
		return nil, fmt.Errorf("%w: block %d has another hash", ErrHeader, leaf.Index)
	}
	record, path, err := RecordPath(block, position)
	if err != nil {
		return nil, err
	}
	r := &Receipt{Record: record, Position: position, RecordProof: path, Leaf: leaf, LeafProof: leafProof, Checkpoint: signedNote}
	c, err := ReadCheckpoint(signedNote)
	if err != nil {
		return nil, err
	}
	if _, err := r.prove(c); err != nil {
		return nil, err
	}
	return r, nil
}

// Verified is what a receipt proves.
type Verified struct {
	Token           string
	ChainID         string // all of it where the policy names the chain, else its first 16 digits
	Block           uint64 // index
	BlockHash       chain.Hash
	Timestamp       chain.Micros // of the block
	Position        int          // of the record in the block, from 0
	Record          Record
	Checkpoint      Checkpoint
	Members         []Signer
	MembersInPolicy int
	Witnesses       []Signer
	Pinned          bool // the policy names this chain
}

// Verify checks r from the checkpoint's signatures down to the record. It says
// nothing of the fields of r that it does not return. Errors wrap ErrStale,
// ErrLeafPath, ErrRecordPath, ErrRecord, or one of Policy.Verify.
func (r *Receipt) Verify(p *Policy) (*Verified, error) {
	signed, err := p.Verify(r.Checkpoint, "")
	if err != nil {
		return nil, err
	}
	record, err := r.prove(signed.Checkpoint)
	if err != nil {
		return nil, err
	}
	token, id, err := ParseOrigin(signed.Checkpoint.Origin)
	if err != nil {
		return nil, err
	}
	known, pinned := p.pinned(signed.Checkpoint.Origin)
	if pinned {
		id = known.ID.String()
	}
	return &Verified{
		Token: token, ChainID: id, Pinned: pinned,
		Block: r.Leaf.Index, BlockHash: r.Leaf.Hash, Timestamp: r.Leaf.Timestamp, Position: r.Position, Record: *record,
		Checkpoint: signed.Checkpoint, Members: signed.Members, MembersInPolicy: p.members, Witnesses: signed.Witnesses,
	}, nil
}

// prove follows the paths from a checkpoint to the record.
func (r *Receipt) prove(c Checkpoint) (*Record, error) {
	if err := r.Leaf.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLeaf, err)
	}
	if err := CheckInclusion(c, &r.Leaf, r.LeafProof); err != nil {
		return nil, err
	}
	if err := checkRecordPath(&r.Leaf, r.Record, r.Position, r.RecordProof); err != nil {
		return nil, err
	}
	return ReadRecord(r.Record)
}
