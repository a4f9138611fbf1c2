package attest

import "time"

const (
	// maxTurns bounds how many chains verify at a time: each holds a run of
	// blocks in memory, and the rest of the machine serves requests.
	maxTurns = 1

	// runBlocks and runBytes bound what one turn takes, so that one long chain
	// does not keep the others waiting. A run may be over by one block.
	runBlocks = 64
	runBytes  = 8 << 20

	// maxAhead bounds the blocks of a chain that are found good before somebody
	// asks about them. Of each a leaf is kept, some 200 bytes.
	maxAhead = 1024

	// logPatience is how long the log may take, after a crash, to bring the end of
	// a chain that this member has signed, before that is told as a fault. It is not
	// ready from the first moment on.
	logPatience = 10 * time.Second
)
