package personal

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// Block is a block that has been forged.
type Block struct {
	Index        uint64
	Canonical    []byte // the bytes that are stored, served and hashed
	Information  []byte // JSON array, a part of Canonical
	PreviousHash string // of the block before, in hex
}

// separator stands between the items of a block.
const separator = ", "

// newItem is a piece of information as it stands in a block.
func newItem(information []byte) ([]byte, error) {
	if len(information) > maxInformation {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", errTooLarge, len(information), maxInformation)
	}
	text, err := pyjson.Canonical(information)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errInvalid, err)
	}
	if len(text) > maxInformation {
		return nil, fmt.Errorf("%w: its canonical text has %d bytes, at most %d", errTooLarge, len(text), maxInformation)
	}
	item := append(make([]byte, 0, len(text)+len(`{"information": }`)), `{"information": `...)
	return append(append(item, text...), '}'), nil
}

// newBlock is the block of these items, joined by separator. at is its time.
func newBlock(index uint64, items []byte, previous string, at chain.Micros) Block {
	text := appendHead(nil, index)
	from := len(text) - 1
	text = append(text, items...)
	to := len(text) + 1
	text = chain.AppendTimestamp(appendLink(text, previous), at)
	text = append(text, '}')
	return Block{Index: index, Canonical: text, Information: text[from:to:to], PreviousHash: previous}
}

// appendHead appends what stands before the items.
func appendHead(dst []byte, index uint64) []byte {
	dst = strconv.AppendUint(append(dst, `{"index2": `...), index, 10)
	return append(dst, `, "information": [`...)
}

// appendLink appends what stands between the items and the time.
func appendLink(dst []byte, previous string) []byte {
	dst = append(append(dst, `], "previous_hash": "`...), previous...)
	return append(dst, `", "timestamp": `...)
}

// follows tells whether text is a block with that index behind the block with
// that hash. What its items are, the block's own hash vouches for.
func follows(text []byte, index uint64, previous string) bool {
	rest, ok := bytes.CutPrefix(text, appendHead(nil, index))
	link := appendLink(nil, previous)
	// Items may say the same, but the block's own link comes last.
	at := bytes.LastIndex(rest, link)
	if !ok || at < 0 {
		return false
	}
	moment, ok := bytes.CutSuffix(rest[at+len(link):], []byte("}"))
	s := pyjson.NewScanner(moment)
	_, err := s.Number()
	return ok && err == nil && s.End() == nil
}

// seal puts the hash in front of a text, for the file.
func seal(text []byte) []byte {
	sum := sha256.Sum256(text)
	return append(append(make([]byte, 0, len(sum)+len(text)), sum[:]...), text...)
}

// unseal returns the text and its hash, or ErrDamaged.
func unseal(sealed []byte) (text []byte, hash chain.Hash, err error) {
	if len(sealed) <= len(hash) {
		return nil, hash, fmt.Errorf("%w: %d bytes are no text with its hash", ErrDamaged, len(sealed))
	}
	text = sealed[copy(hash[:], sealed):]
	if chain.HashBytes(text) != hash {
		return nil, hash, fmt.Errorf("%w: a text does not have its hash", ErrDamaged)
	}
	return text, hash, nil
}
