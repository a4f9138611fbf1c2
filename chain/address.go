package chain

import (
	"crypto/sha256"
	"encoding/binary"
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

// Owns tells whether text is k's Address, without writing that: every member asks this
// of each transaction.
func (k PublicKey) Owns(text string) bool {
	if checkAddress(text) != nil {
		return false
	}
	hash := sha256.Sum256(k[:])
	groups := text[len(addressPrefix)+1:]
	for five := hash[:addressBytes]; len(five) > 0; five, groups = five[5:], groups[8:] {
		bits := uint64(five[0])<<32 | uint64(binary.BigEndian.Uint32(five[1:]))
		for i := range 8 {
			if addressGroups[groups[i]-'0'] != byte(bits>>(35-5*i))&0x1f {
				return false
			}
		}
	}
	return true
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

// checkAddress is a decoder for this one length and prefix, several times as
// fast as one for all: every member looks at two addresses for each transaction.
// 20 bytes are exactly 32 groups, so there is no padding to look at.
func checkAddress(text string) error {
	if len(text) != addressLength {
		return fmt.Errorf("it has %d characters, not %d", len(text), addressLength)
	}
	if text[:len(addressPrefix)+1] != addressPrefix+"1" {
		return fmt.Errorf("it does not begin with %s1", addressPrefix)
	}
	sum := uint32(checksumAfterPrefix)
	for i := len(addressPrefix) + 1; i < len(text); i++ {
		at := int(text[i]) - '0'
		if at < 0 || at >= len(addressGroups) || addressGroups[at] == noGroup {
			return fmt.Errorf("%q cannot stand in it", text[i])
		}
		sum = checksumStep(sum, uint32(addressGroups[at]))
	}
	if sum != bech32mSum {
		return errors.New("its checksum is not right: was it typed?")
	}
	return nil
}

// The checksum of BIP 173 with the constant of BIP 350. checksumAfterPrefix is
// what it has come to after "bpsc".
//
// addressGroups is its alphabet the other way round: the five bits that each
// character from '0' on stands for.
const (
	addressGroups = "\x0f\x20\x0a\x11\x15\x14\x1a\x1e\x07\x05\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20" +
		"\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x1d" +
		"\x20\x18\x0d\x19\x09\x08\x17\x20\x12\x16\x1f\x1b\x13\x20\x01\x00\x03\x10\x0b\x1c\x0c\x0e\x06\x04\x02"
	noGroup             = 0x20
	checksumAfterPrefix = 0x1775ad3a
	bech32mSum          = 0x2bc830a3
)

// checksumStep takes one group of five bits into the checksum.
func checksumStep(sum, group uint32) uint32 {
	top := sum >> 25
	sum = sum&0x1ffffff<<5 ^ group
	sum ^= -(top & 1) & 0x3b6a57b2
	sum ^= -(top >> 1 & 1) & 0x26508e6d
	sum ^= -(top >> 2 & 1) & 0x1ea119fa
	sum ^= -(top >> 3 & 1) & 0x3d4233dd
	sum ^= -(top >> 4 & 1) & 0x2a1462b3
	return sum
}
