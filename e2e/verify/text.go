package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// Block is a block as its text has it. The texts of the records are kept as
// they stand there, because these bytes are what the root commits to.
type Block struct {
	Index        uint64            `json:"index"`
	Timestamp    json.Number       `json:"timestamp"`
	PreviousHash string            `json:"previous_hash"`
	Transactions []json.RawMessage `json:"transactions"`
	Root         string            `json:"transactions_root"`
	Totals       Totals            `json:"totals"`
	Trigger      string            `json:"trigger"`
	Contract     *Contract         `json:"contract"`

	size int
}

// Totals are running sums over the chain.
type Totals struct {
	Issued json.Number `json:"issued"`
	Burned json.Number `json:"burned"`
	Fees   json.Number `json:"fees"`
	Held   json.Number `json:"held"`
}

// Contract is what the genesis block fixes.
type Contract struct {
	Token     string      `json:"token"`
	Decimals  int         `json:"decimals"`
	BPSC      string      `json:"bpsc"`
	FeePPM    int64       `json:"fee_ppm"`
	Fees      string      `json:"fees"`
	Treasurer string      `json:"treasurer"`
	Issuer    string      `json:"issuer"`
	Supply    json.Number `json:"supply"`
	Mintable  bool        `json:"mintable"`
	Freezable bool        `json:"freezable"`
	Wallets   string      `json:"wallets"`
	OnRequest bool        `json:"on_request"`
	Schedule  struct {
		Every        json.Number `json:"every"` // seconds
		Transactions int         `json:"transactions"`
		Empty        bool        `json:"empty"`
	} `json:"schedule"`
}

// Record is one entry of a block.
type Record struct {
	Kind          string      `json:"kind"`
	ID            string      `json:"id"`
	Sender        string      `json:"sender"`
	AmountSend    json.Number `json:"amount_send"`
	BPSC          string      `json:"bpsc"`
	AmountBPSC    json.Number `json:"amount_bpsc"`
	Recipient     string      `json:"recipient"`
	AmountReceive json.Number `json:"amount_receive"`
	Memo          string      `json:"memo"`
}

func decodeBlock(text []byte) (Block, error) {
	b := Block{size: len(text)}
	return b, decode(text, &b)
}

func decodeRecord(text []byte) (Record, error) {
	var r Record
	return r, decode(text, &r)
}

// decode refuses what it does not know: a key that this verifier cannot judge
// is not verified.
func decode(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the end")
	}
	return nil
}

// units turns an amount in tokens into base units, exactly.
func (l *Ledger) units(amount json.Number) (int64, error) {
	tokens, ok := new(big.Rat).SetString(amount.String())
	if !ok {
		return 0, fmt.Errorf("amount %q", amount)
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(l.Contract.Decimals)), nil)
	units := tokens.Mul(tokens, new(big.Rat).SetInt(scale))
	if !units.IsInt() || !units.Num().IsInt64() {
		return 0, fmt.Errorf("amount %s is not a whole number of units", amount)
	}
	return units.Num().Int64(), nil
}

// merkleRoot is the root of RFC 6962, section 2.1.
func merkleRoot(leaves []json.RawMessage) string {
	root := subtree(leaves)
	return hex.EncodeToString(root[:])
}

func subtree(leaves []json.RawMessage) [32]byte {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	}
	split := 1 // the largest power of two below the number of leaves
	for split*2 < len(leaves) {
		split *= 2
	}
	left, right := subtree(leaves[:split]), subtree(leaves[split:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}
