package api

import (
	"time"

	"github.com/bpsc/bpsc/chain"
)

// The bounds of what a client may ask for, each with its reason. Those of the
// ledger itself (names, memos, amounts) are in chain/limits.go.
const (
	// maxBody bounds the body of a request: many times the largest single
	// transaction, small enough to read thousands at a time.
	maxBody = 1 << 20

	// maxBatchBody bounds the body of a batch: 10,000 transactions of 800
	// bytes, four times what one takes in practice.
	maxBatchBody = 8 << 20

	// maxBatch is how many transactions one request may carry: what fits into
	// one block.
	maxBatch = chain.MaxBlockRecords

	// maxVerifyBatch and minVerifyBatch bound how many signatures are checked
	// together. Beyond the one a larger batch gains nothing and the first in it
	// waits longer; below the other a batch is not worth sharing out.
	maxVerifyBatch = 256
	minVerifyBatch = 32

	// maxWaitingSignatures bounds the signatures that wait for a core: two full
	// batches, less than a second's work of one core.
	maxWaitingSignatures = 2 * maxBatch

	// maxPage is how many items one page of a list may have.
	maxPage     = 1_000
	defaultPage = 100

	// maxRegister is how many nodes one request may register: those of one
	// machine.
	maxRegister = 32

	// maxNodesShown is how many nodes the answer to a registration, or a page of
	// the list, has at most: a request of some bytes is not to be worth hundreds
	// of kilobytes.
	maxNodesShown = 100

	// mineBurst and mineEvery bound blocks on request, of each contract at each
	// member: enough at once for a demonstration, and in the long run as many as
	// the fastest schedule makes.
	mineBurst = 100
	mineEvery = chain.MinEvery

	// maxNodeBytes bounds a host:port: a DNS name has at most 253 bytes.
	maxNodeBytes = 255

	// maxLongPoll is how long a client may wait for a block. Proxies drop
	// connections on which nothing happens for a minute.
	maxLongPoll = 30 * time.Second

	// maxLongPolls is how many clients may wait at a time; beyond it they are
	// answered at once and ask again. Each costs a goroutine.
	maxLongPolls = 10_000

	// maxEventClients is how many readers of events a node has at a time. One to
	// whom nothing happens costs a goroutine, one that does not read also a block
	// and a chunk, until its chunk has timed out.
	maxEventClients = 10_000

	// maxBundles is how many bundles of entries are made at a time. One may take
	// reading 256 of the largest blocks for 64 KiB of answer.
	maxBundles = 2

	// maxRequestID bounds a client's X-Request-Id, which goes into logs.
	maxRequestID = 64

	// maxEcho bounds how much of a client's own text a message repeats.
	maxEcho = 64

	// maxPooled is the largest buffer that is kept for the next request. A
	// batch of 1,000 fits.
	maxPooled = 512 << 10

	// chunk is how much of a stream goes into one write: enough that system
	// calls do not count, and all the memory a slow reader costs.
	chunk = 64 << 10

	// The server's own limits on a connection. A request of maxBatchBody in
	// readTimeout is 140 kB/s. There is no write timeout because /chain may
	// take as long as a reader keeps reading: streams set a deadline for each
	// chunk instead.
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
)
