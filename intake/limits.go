package intake

import "github.com/bpsc/bpsc/chain"

const (
	// maxBatch is how many transactions one request may carry: what fits into
	// one block.
	maxBatch = chain.MaxBlockRecords

	// maxVerifyBatch and minVerifyBatch bound how many signatures are checked
	// together. Each of 1,024 takes a sixth less than one of 256, and the first in the
	// batch waits some 10 ms; twice as many would gain a twentieth more. Below the other a
	// batch is not worth sharing out.
	maxVerifyBatch = 1024
	minVerifyBatch = 64

	// A bad signature has all of its batch verified one by one, so for some batches after one
	// they are smaller: whoever sends bad ones all the time makes the others' dearer by
	// a quarter of what it would be.
	warnedVerifyBatch = 256
	warnedBatches     = 64

	// sharedVerifyBatch is how many signatures of one request keep another core busy.
	sharedVerifyBatch = 256

	// maxKeys is how many public keys are kept as signatures are verified with them,
	// 6 MB: those of the wallets that send most.
	maxKeys = 4096

	// maxWaitingSignatures bounds the signatures that wait for a core: two full
	// batches, less than a second's work of one core.
	maxWaitingSignatures = 2 * maxBatch

	// maxNodes is how many nodes one request may register: those of one
	// machine.
	maxNodes = 32

	// maxNodeBytes bounds a host:port: a DNS name has at most 253 bytes.
	maxNodeBytes = 255

	// maxKeptDrafts bounds the transactions for which a Reader keeps its memory.
	maxKeptDrafts = 1_500

	// MaxEcho bounds how much of a client's own text a message repeats.
	MaxEcho = 64
)
