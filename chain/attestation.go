package chain

// Attestation is one member's word on a chain: it has verified every block up
// to Size by itself, and their log of headers has this root.
type Attestation struct {
	Member      string // its id in the cluster
	Size        uint64 // blocks
	Root        Hash   // RFC 6962 root of the log of headers at that size
	Cosignature string // the signature's line in a signed note
	// Digest is what all changes of the member's own state up to that block
	// come to. It is not signed: it finds faults, not lies.
	Digest Hash
}
