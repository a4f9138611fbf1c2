package proof

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	tlogproof "github.com/transparency-dev/formats/proof"

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
// ErrLeafPath, ErrRecordPath, ErrRecord, or one of History.Verify.
func (r *Receipt) Verify(policies Policies) (*Verified, error) {
	signed, p, err := verify(policies, r.Checkpoint, "")
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

// receiptFormat tells a receipt's extra data from that of other tlog-proofs.
const receiptFormat = "bpsc/receipt/v1"

// Marshal writes r as a file: a c2sp.org/tlog-proof of the block's leaf, with
// the record, its path and the leaf as canonical JSON in the extra data.
func (r *Receipt) Marshal() ([]byte, error) {
	file := tlogproof.TLogProof{Index: r.Leaf.Index - 1, Checkpoint: r.Checkpoint, ExtraData: r.appendExtra(nil)}
	for _, h := range r.LeafProof {
		file.Hashes = append(file.Hashes, h)
	}
	data := file.Marshal()
	return data, bounded(data, MaxReceiptBytes)
}

func (r *Receipt) appendExtra(dst []byte) []byte {
	dst = append(dst, `{"format": "`+receiptFormat+`", "leaf": `...)
	dst = AppendLeaf(dst, &r.Leaf)
	dst = strconv.AppendInt(append(dst, `, "position": `...), int64(r.Position), 10)
	dst = append(append(dst, `, "record": `...), r.Record...)
	return append(appendPath(append(dst, `, "record_path": `...), r.RecordProof), '}')
}

// appendPath appends hashes as a canonical array.
func appendPath(dst []byte, path []chain.Hash) []byte {
	dst = append(dst, '[')
	for i, h := range path {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(h.AppendHex(append(dst, '"')), '"')
	}
	return append(dst, ']')
}

// ParseReceipt reads a receipt in its one spelling and verifies nothing. Errors
// wrap ErrEmpty, ErrTooLarge, ErrReceipt, ErrLeaf, ErrRecord or ErrHeader.
func ParseReceipt(data []byte) (*Receipt, error) {
	if err := bounded(data, MaxReceiptBytes); err != nil {
		return nil, err
	}
	if err := asWritten(data); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	// Base64 and numbers have more spellings than the one that is written.
	var file tlogproof.TLogProof
	if err := file.Unmarshal(data); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	if !bytes.Equal(file.Marshal(), data) {
		return nil, fmt.Errorf("%w: it has another spelling", ErrReceipt)
	}
	if len(file.Hashes) > maxPath {
		return nil, fmt.Errorf("%w: %w: a path of %d hashes, at most %d", ErrReceipt, ErrTooLarge, len(file.Hashes), maxPath)
	}
	r, err := parseExtra(file.ExtraData)
	if err != nil {
		return nil, err
	}
	if file.Index != r.Leaf.Index-1 {
		return nil, fmt.Errorf("%w: block %d is not leaf %d", ErrHeader, r.Leaf.Index, file.Index)
	}
	for _, h := range file.Hashes {
		r.LeafProof = append(r.LeafProof, h)
	}
	r.Checkpoint = file.Checkpoint
	return r, nil
}

func parseExtra(extra []byte) (*Receipt, error) {
	var file struct {
		Format       string
		Leaf, Record json.RawMessage
		Position     json.Number
		RecordPath   []chain.Hash `json:"record_path"`
	}
	err := json.Unmarshal(extra, &file)
	r := &Receipt{Record: file.Record, RecordProof: append([]chain.Hash(nil), file.RecordPath...)}
	if err == nil {
		r.Leaf, err = DecodeLeaf(file.Leaf)
	}
	if err == nil {
		var n uint64
		n, err = parseCount(file.Position.String())
		r.Position = int(n)
	}
	if err == nil {
		_, err = ReadRecord(r.Record)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrReceipt, err)
	case len(r.RecordProof) > maxRecordPath:
		return nil, fmt.Errorf("%w: %w: a path of more than %d hashes", ErrReceipt, ErrTooLarge, maxRecordPath)
	case !bytes.Equal(r.appendExtra(nil), extra): // it has one spelling: whatever json takes beside is refused here
		return nil, fmt.Errorf("%w: its extra data is not canonical %s", ErrReceipt, receiptFormat)
	}
	return r, nil
}
