// Package wallet is the owner's side of a signed contract: keys, the
// transactions they sign, and the encrypted files they rest in.
package wallet

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/bpsc/bpsc/chain"
)

// seedBytes is the size of what a key is made from (RFC 8032).
const seedBytes = ed25519.SeedSize

// ErrKeyInvalid: the bytes given are no private key.
var ErrKeyInvalid = errors.New("wallet: not a private key")

// Key signs for one address. It never changes, so any number of goroutines
// may sign with it.
type Key struct {
	private ed25519.PrivateKey
	public  chain.PublicKey
	address string
}

// New draws a key. random has to be crypto/rand.Reader wherever the key is to
// be worth anything.
func New(random io.Reader) (*Key, error) {
	var seed [seedBytes]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, fmt.Errorf("wallet: drawing a key: %w", err)
	}
	return newKey(seed), nil
}

func newKey(seed [seedBytes]byte) *Key {
	k := &Key{private: ed25519.NewKeyFromSeed(seed[:])}
	copy(k.public[:], k.private[seedBytes:])
	k.address = k.public.Address()
	return k
}

// ParseKey reads a private key as PrivateHex writes it.
func ParseKey(text string) (*Key, error) {
	var seed [seedBytes]byte
	if len(text) != hex.EncodedLen(seedBytes) {
		return nil, fmt.Errorf("%w: it has %d hex digits", ErrKeyInvalid, hex.EncodedLen(seedBytes))
	}
	// The error would quote a digit of the secret.
	if _, err := hex.Decode(seed[:], []byte(text)); err != nil || hex.EncodeToString(seed[:]) != text {
		return nil, fmt.Errorf("%w: it has %d lower-case hex digits", ErrKeyInvalid, hex.EncodedLen(seedBytes))
	}
	return newKey(seed), nil
}

// For is k as the key of another address: that of the wallet whose key was
// rotated to k. A wallet keeps its address when it changes keys.
func (k *Key) For(address string) (*Key, error) {
	if err := chain.ValidateAddress("address", address); err != nil {
		return nil, err
	}
	other := *k
	other.address = address
	return &other, nil
}

// PublicKey is what others check k's signatures with.
func (k *Key) PublicKey() chain.PublicKey { return k.public }

// Address is the wallet that k signs for.
func (k *Key) Address() string { return k.address }

// Rotated reports whether k signs for an address that is not its own.
func (k *Key) Rotated() bool { return k.address != k.public.Address() }

// PrivateHex is the secret itself: the 32-byte seed of RFC 8032 in lower-case
// hex. Whoever has it has the tokens.
func (k *Key) PrivateHex() string { return hex.EncodeToString(k.private.Seed()) }

// String never shows the secret, so that a key in a log line does no harm.
func (k *Key) String() string { return "key of " + k.address }

// GoString is String, for %#v.
func (k *Key) GoString() string { return k.String() }

// MarshalText is String, for logs in JSON.
func (k *Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
