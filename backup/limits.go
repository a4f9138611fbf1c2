package backup

import (
	"github.com/bpsc/bpsc/chain"
)

// The bounds of an archive, each with its reason.
const (
	// maxFiles is how many files an archive has: a state of 8 TB, at the 64 MB
	// of Pebble's larger tables.
	maxFiles = 1 << 17
	// maxNameBytes bounds the name of a file; Pebble's have 20, ours 27.
	maxNameBytes = 64
	// maxTextBytes bounds the text of begin.json, which has no lists.
	maxTextBytes = 4 << 10
	// maxManifestBytes bounds that of manifest.json: 160 bytes for each file.
	maxManifestBytes = 32 << 20
	// maxWindow bounds what a reader must hold to decompress.
	maxWindow = 8 << 20
	// maxChains is as many as a cluster may have contracts.
	maxChains = 1000
	// maxMembers is more than a cluster may have.
	maxMembers = 64

	// piece is how many bytes of blocks go into one file of a chain's archive: two
	// of the largest blocks. It is held in memory, since a tar file says the
	// size of a file before its content.
	piece = 2 * chain.MaxBlockBytes

	// partSize is how much is sent to an S3 server at a time, and held in memory
	// for that. There are 10,000 parts at most: a backup of 320 GB.
	partSize = 32 << 20
)
