package chain

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcutil/bech32"
)

// addressPrefix is the human-readable part of every address.
const addressPrefix = "bpsc"

// addressBytes is how much of a key's hash an address carries.
const addressBytes = 20

// PublicKey is an Ed25519 public key.
type PublicKey [32]byte

// IsZero reports whether k is unset.
func (k PublicKey) IsZero() bool { return k == PublicKey{} }

// Address is where the key's tokens are: bech32m (BIP 350), prefix bpsc, over
// the first 20 bytes of the SHA-256 of the key.
func (k PublicKey) Address() string {
	hash := sha256.Sum256(k[:])
	return encodeAddress(hash[:addressBytes])
}

// BPSCAddress is the wallet of the BPSC of a signed contract. It is no key's
// address, so nobody can sign for it: only the contract's own rules move what
// is in it.
func BPSCAddress(token string) string {
	hash := sha256.Sum256([]byte("bpsc/wallet/v1\n" + token))
	return encodeAddress(hash[:addressBytes])
}

func encodeAddress(payload []byte) string {
	groups, err := bech32.ConvertBits(payload, 8, 5, true)
	if err == nil {
		var text string
		if text, err = bech32.EncodeM(addressPrefix, groups); err == nil {
			return text
		}
	}
	panic("chain: 20 bytes do not fit an address: " + err.Error()) // they always do
}

// addressLength is the prefix, the separator, 32 groups of five bits and a
// checksum of six.
const addressLength = len(addressPrefix) + 1 + 32 + 6

// ValidateAddress checks that text is an address in its one spelling: lower
// case, the right length, and no bit set where none is meant. field is what the
// error calls it.
func ValidateAddress(field, text string) error {
	if err := checkAddress(text); err != nil {
		return fmt.Errorf("%w: %s: %w", AddressInvalid, field, err)
	}
	return nil
}

func checkAddress(text string) error {
	if len(text) != addressLength {
		return fmt.Errorf("it has %d characters, not %d", len(text), addressLength)
	}
	for i := range len(text) {
		if text[i] >= 'A' && text[i] <= 'Z' {
			return errors.New("an address is written in lower case")
		}
	}
	prefix, groups, version, err := bech32.DecodeGeneric(text)
	if err != nil {
		return err
	}
	if version != bech32.VersionM || prefix != addressPrefix {
		return fmt.Errorf("it is not a %s address", addressPrefix)
	}
	_, err = bech32.ConvertBits(groups, 5, 8, false) // refuses padding that is not zero
	return err
}
