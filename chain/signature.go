package chain

import (
	"encoding/hex"
	"fmt"

	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// Signature is an Ed25519 signature (RFC 8032).
type Signature [64]byte

// String returns s in lower-case hex.
func (s Signature) String() string { return hex.EncodeToString(s[:]) }

// ParseSignature reads 128 lower-case hex digits.
func ParseSignature(text string) (s Signature, err error) {
	if len(text) != hex.EncodedLen(len(s)) {
		return s, fmt.Errorf("%w: a signature has 128 hex digits", SignatureInvalid)
	}
	if _, err := hex.Decode(s[:], []byte(text)); err != nil || s.String() != text {
		return Signature{}, fmt.Errorf("%w: a signature has 128 lower-case hex digits", SignatureInvalid)
	}
	return s, nil
}

// rule is ZIP-215, everywhere: under it a batch and a single check never
// disagree, so no signature is good on one member and bad on another.
func rule() *ed25519.Options { return &ed25519.Options{Verify: ed25519.VerifyOptionsZIP_215} }

// Signed is a signature with what it is over.
type Signed struct {
	Key       PublicKey
	Signature Signature
	Message   []byte
}

// Verify checks one signature.
func (s *Signed) Verify() bool {
	return ed25519.VerifyWithOptions(s.Key[:], s.Message, s.Signature[:], rule())
}

// batchMin is how many signatures it takes for a batch to be faster.
const batchMin = 4

// VerifyBatch checks many signatures and says of each whether it is good. A
// bad one costs the batch a second look and does not spoil the others.
func VerifyBatch(batch []Signed) []bool { return (*Keys)(nil).VerifyBatch(batch) }

// VerifyBatch is the function of that name, by keys that k remembers.
func (k *Keys) VerifyBatch(batch []Signed) []bool {
	good := make([]bool, len(batch))
	if len(batch) >= batchMin {
		v := newBatch(len(batch))
		for i := range batch {
			k.add(v, len(batch), &batch[i])
		}
		_, good = v.Verify(nil)
		return good
	}
	for i := range batch {
		good[i] = batch[i].Verify()
	}
	return good
}
