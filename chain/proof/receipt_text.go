package proof

import (
	"bytes"
	"fmt"
	"strconv"

	tlogproof "github.com/transparency-dev/formats/proof"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

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
	r := &Receipt{}
	format := ""
	s := pyjson.NewScanner(extra)
	err := s.Object(func(key string) (err error) {
		var text []byte
		switch key {
		case "format":
			format, err = s.String()
		case "leaf":
			if text, err = s.Raw(); err == nil {
				r.Leaf, err = DecodeLeaf(text)
			}
		case "position":
			var n uint64
			n, err = scanCount(s)
			r.Position = int(n)
		case "record":
			if r.Record, err = s.Raw(); err == nil {
				_, err = ReadRecord(r.Record)
			}
		case "record_path":
			r.RecordProof, err = scanPath(s, maxRecordPath)
		default:
			err = fmt.Errorf("%q is not known", key)
		}
		return err
	})
	if err == nil {
		err = s.End()
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrReceipt, err)
	case format != receiptFormat || r.Record == nil || !bytes.Equal(r.appendExtra(nil), extra):
		return nil, fmt.Errorf("%w: its extra data is not canonical %s", ErrReceipt, receiptFormat)
	}
	return r, nil
}

// scanPath reads an array of at most limit hashes.
func scanPath(s *pyjson.Scanner, limit int) (path []chain.Hash, err error) {
	err = s.Array(func(i int) error {
		if i == limit {
			return fmt.Errorf("%w: a path of more than %d hashes", ErrTooLarge, limit)
		}
		h, err := scanHash(s)
		path = append(path, h)
		return err
	})
	return path, err
}
