package personal

import "time"

// The bounds of a personal chain, each with its reason.
const (
	// MaxInformation bounds one piece of information, both as it comes and as
	// canonical text: the largest body the API takes.
	MaxInformation = 1 << 20

	// MaxBlockItems and MaxBlockBytes bound the information of one block, so
	// that a reader can hold a block in memory: as in the BPSC's own chain.
	MaxBlockItems = 10_000
	MaxBlockBytes = 4 << 20

	// verifyBytes is how much of the chain's end is verified when the file is
	// opened: well under a second of hashing, however long the chain has
	// become. Blocks before that are verified whenever they are read.
	verifyBytes = 64 << 20

	// runBytes and runBlocks bound what is read from the file at a time. It is
	// all the memory that a slow reader costs beside one block.
	runBytes  = 256 << 10
	runBlocks = 1_000

	// lockTimeout is how long another process may take to let go of the file.
	lockTimeout = time.Second
)
