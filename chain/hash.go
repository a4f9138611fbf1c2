package chain

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Hash is a SHA-256 value; its text is lower-case hex.
type Hash [sha256.Size]byte

// ID names a transaction for ever. See DeriveID for open contracts.
type ID = Hash

// String returns h in lower-case hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether h is unset.
func (h Hash) IsZero() bool { return h == Hash{} }

// AppendHex appends h in lower-case hex.
func (h Hash) AppendHex(dst []byte) []byte { return hex.AppendEncode(dst, h[:]) }

// MarshalText writes h in lower-case hex.
func (h Hash) MarshalText() ([]byte, error) { return h.AppendHex(nil), nil }

// UnmarshalText reads what MarshalText writes.
func (h *Hash) UnmarshalText(text []byte) (err error) {
	*h, err = ParseHash(string(text))
	return err
}

// ParseHash reads 64 lower-case hex digits.
func ParseHash(text string) (h Hash, err error) {
	if len(text) != hex.EncodedLen(len(h)) {
		return h, fmt.Errorf("%w: a hash has 64 hex digits", InvalidField)
	}
	if _, err := hex.Decode(h[:], []byte(text)); err != nil || h.String() != text {
		return Hash{}, fmt.Errorf("%w: a hash has 64 lower-case hex digits", InvalidField)
	}
	return h, nil
}

// DeriveID is the id of an open transaction: the SHA-256 of its
// Idempotency-Key, or of random bytes where the client gave none.
func DeriveID(key []byte) ID { return sha256.Sum256(key) }

// HashBytes is the hash of a block, given its canonical bytes.
func HashBytes(canonical []byte) Hash { return sha256.Sum256(canonical) }
