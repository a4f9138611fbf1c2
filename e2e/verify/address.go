package verify

import (
	"crypto/sha256"
	"strings"
)

const (
	addressPrefix = "bpsc"
	charset       = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	bech32m       = 0x2bc830a3 // BIP 350
)

// Address is where the tokens of a public key are.
func Address(key []byte) string {
	sum := sha256.Sum256(key)
	return encode(sum[:20])
}

// WalletOf is the wallet of the BPSC of a signed contract.
func WalletOf(token string) string { return Address([]byte("bpsc/wallet/v1\n" + token)) }

// IsAddress tells whether text is an address in its one spelling.
func IsAddress(text string) bool {
	data, found := strings.CutPrefix(text, addressPrefix+"1")
	if !found || len(data) != 32+6 { // 160 bits in fives, and the checksum
		return false
	}
	groups := make([]byte, len(data))
	for i := range data {
		value := strings.IndexByte(charset, data[i])
		if value < 0 {
			return false
		}
		groups[i] = byte(value)
	}
	return polymod(groups) == bech32m
}

func encode(payload []byte) string {
	var groups []byte
	bits, have := uint32(0), 0
	for _, b := range payload { // 20 bytes are 32 groups of five bits, nothing left over
		bits, have = bits<<8|uint32(b), have+8
		for have >= 5 {
			have -= 5
			groups = append(groups, byte(bits>>have&31))
		}
	}
	sum := polymod(append(append([]byte(nil), groups...), make([]byte, 6)...)) ^ bech32m
	for shift := 25; shift >= 0; shift -= 5 {
		groups = append(groups, byte(sum>>shift&31))
	}
	for i, g := range groups {
		groups[i] = charset[g]
	}
	return addressPrefix + "1" + string(groups)
}

// polymod is the checksum of BIP 173 over the expanded prefix and groups.
func polymod(groups []byte) uint32 {
	var expanded []byte
	for _, c := range []byte(addressPrefix) {
		expanded = append(expanded, c>>5)
	}
	expanded = append(expanded, 0)
	for _, c := range []byte(addressPrefix) {
		expanded = append(expanded, c&31)
	}
	sum := uint32(1)
	for _, g := range append(expanded, groups...) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ uint32(g)
		for i, c := range [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= c
			}
		}
	}
	return sum
}
