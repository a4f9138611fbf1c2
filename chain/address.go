package chain

import (
	"crypto/sha256"
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

// ValidateAddress checks that text is an address in its one spelling. field is
// what the error calls it.
func ValidateAddress(field, text string) error {
	prefix, groups, version, err := bech32.DecodeGeneric(text)
	if err == nil && (version != bech32.VersionM || prefix != addressPrefix) {
		err = fmt.Errorf("it is not a %s address", addressPrefix)
	}
	var payload []byte
	if err == nil {
		payload, err = bech32.ConvertBits(groups, 5, 8, false)
	}
	if err == nil && (len(payload) != addressBytes || encodeAddress(payload) != text) {
		err = fmt.Errorf("it has not the form of one")
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", AddressInvalid, field, err)
	}
	return nil
}
