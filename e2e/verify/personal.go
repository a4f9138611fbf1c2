package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// PersonalBlock is a block of a node's personal chain, as its text has it.
type PersonalBlock struct {
	Index        uint64        `json:"index2"`
	Timestamp    json.Number   `json:"timestamp"`
	PreviousHash string        `json:"previous_hash"`
	Information  []Information `json:"information"`
}

// Information is what the node's owner wanted to keep.
type Information struct {
	Information json.RawMessage `json:"information"`
}

// Personal checks a personal chain, given as the texts of its blocks: each
// carries the hash of the one before, and nothing but what the tutorial gives
// it.
func Personal(texts [][]byte) ([]PersonalBlock, error) {
	if len(texts) == 0 {
		return nil, errors.New("a chain has at least its first block")
	}
	var blocks []PersonalBlock
	previous, clock := "1", new(big.Rat)
	for i, text := range texts {
		b, err := decodePersonal(text)
		if err != nil {
			return nil, fmt.Errorf("personal block %d: %w", i+1, err)
		}
		time, ok := new(big.Rat).SetString(b.Timestamp.String())
		switch {
		case b.Index != uint64(i+1):
			err = fmt.Errorf("index2 is %d", b.Index)
		case b.PreviousHash != previous:
			err = fmt.Errorf("previous_hash is %s, the block before hashes to %s", b.PreviousHash, previous)
		case !ok || time.Cmp(clock) < 0:
			err = fmt.Errorf("timestamp is %s, the block before has %s", b.Timestamp, clock.FloatString(6))
		case i == 0 && len(b.Information) > 0:
			err = errors.New("the first block has information")
		}
		if err != nil {
			return nil, fmt.Errorf("personal block %d: %w", i+1, err)
		}
		blocks = append(blocks, b)
		sum := sha256.Sum256(text)
		previous, clock = hex.EncodeToString(sum[:]), time
	}
	return blocks, nil
}

func decodePersonal(text []byte) (PersonalBlock, error) {
	var b PersonalBlock
	if err := decode(text, &b); err != nil {
		return b, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return b, err
	}
	if got := object(fields); !bytes.Equal(got, text) {
		return b, fmt.Errorf("not canonical: %s", text)
	}
	return b, nil
}
