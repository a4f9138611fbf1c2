package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
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
	HoldFor   int64       `json:"hold_for"`        // seconds; of signed contracts
	Loosening int64       `json:"loosening_delay"` // seconds; of signed contracts
	Schedule  struct {
		Every        json.Number `json:"every"` // seconds
		Transactions int         `json:"transactions"`
		Empty        bool        `json:"empty"`
	} `json:"schedule"`
}

// Record is one entry of a block. Which fields apply depends on its kind.
type Record struct {
	Kind          string      `json:"kind"`
	Request       string      `json:"request"` // what was asked, where that is another kind
	ID            string      `json:"id"`
	Sender        string      `json:"sender"`
	Amount        json.Number `json:"amount"`
	AmountSend    json.Number `json:"amount_send"`
	BPSC          string      `json:"bpsc"`
	AmountBPSC    json.Number `json:"amount_bpsc"`
	Recipient     string      `json:"recipient"`
	AmountReceive json.Number `json:"amount_receive"`
	AmountRefund  json.Number `json:"amount_refund"`
	Memo          string      `json:"memo"`
	Reason        string      `json:"reason"`
	MembersBefore string      `json:"members_before"`
	MembersAfter  string      `json:"members_after"`
	Hold          string      `json:"hold"`
	HoldUntil     int64       `json:"hold_until"`
	Time          json.Number `json:"time"`

	Expires   int64  `json:"expires"`
	Nonce     string `json:"nonce"`
	PublicKey string `json:"public_key"`
	Signature string `json:"signature"`

	Receive     string      `json:"receive"`
	PerTransfer json.Number `json:"per_transfer"`
	PerDay      json.Number `json:"per_day"`
	NewKey      string      `json:"new_key"`
	Account     string      `json:"account"`
	Frozen      *bool       `json:"frozen"`

	fields map[string]json.RawMessage // as they stand in the text
}

func decodeBlock(text []byte) (Block, error) {
	b := Block{size: len(text)}
	return b, decode(text, &b)
}

// decodeRecord also checks that the text is spelled as it must be, key by key:
// the signed bytes are built from its parts.
func decodeRecord(text []byte) (Record, error) {
	var r Record
	if err := decode(text, &r); err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r.fields); err != nil {
		return r, err
	}
	if got := object(r.fields); !bytes.Equal(got, text) {
		return r, fmt.Errorf("not canonical: %s", text)
	}
	return r, nil
}

// object writes fields as json.dumps does with sorted keys.
func object(fields map[string]json.RawMessage) []byte {
	out := []byte{'{'}
	for i, key := range slices.Sorted(maps.Keys(fields)) {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = fmt.Appendf(out, "%q: %s", key, fields[key])
	}
	return append(out, '}')
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

// Units is an amount of the contract in base units, exactly.
func (l *Ledger) Units(amount json.Number) (int64, error) { return l.units(amount) }

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
