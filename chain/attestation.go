package chain

import "strings"

// Attestation is a member's, or a witness's, word on a chain: it has verified every block up
// to Size by itself, and their log of headers has this root.
type Attestation struct {
	Member      string // its id in the cluster; of a witness, WitnessID
	Size        uint64 // blocks
	Root        Hash   // RFC 6962 root of the log of headers at that size
	Cosignature string // the signature's line in a signed note
	// Digest is what all changes of the member's own state up to that block
	// come to. It is not signed: it finds faults, not lies.
	Digest Hash
}

// witnessPrefix is not in a member's id.
const witnessPrefix = "witness/"

// WitnessID is the name under which the word of a witness is replicated.
func WitnessID(name string) string { return witnessPrefix + name }

// ByWitness tells whether a is the word of a witness.
func (a Attestation) ByWitness() bool { return strings.HasPrefix(a.Member, witnessPrefix) }
