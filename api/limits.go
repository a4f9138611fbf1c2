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

	// maxPage is how many items one page of a list may have.
	maxPage     = 1_000
	defaultPage = 100

	// lookTimeout bounds how long a node looks for a contract that it does not
	// know, before it says to ask again.
	lookTimeout = 2 * time.Second

	// maxNodesShown is how many nodes the answer to a registration, or a page of
	// the list, has at most: a request of some bytes is not to be worth hundreds
	// of kilobytes.
	maxNodesShown = 100

	// mineBurst and mineEvery bound blocks on request, of each contract at each
	// member: enough at once for a demonstration, and in the long run as many as
	// the fastest schedule makes.
	// There are fewer contracts than maxForging.
	mineBurst  = 100
	mineEvery  = chain.MinEvery
	maxForging = 1_024

	// maxLongPoll is how long a client may wait for a block. Proxies drop
	// connections on which nothing happens for a minute.
	maxLongPoll = 30 * time.Second

	// maxEventReaders is how many streams of events there may be, maxLongReads how
	// many long polls and streams of chains. Each holds a connection, and costs a
	// goroutine while nothing happens. They get no more than so many of shares of
	// the connections that there are: the last share is for writes, and those who
	// wait for events do not keep out those who copy the chain.
	maxEventReaders                       = 10_000
	maxLongReads                          = 10_000
	eventShares, longReadShares, ofShares = 5, 2, 8

	// maxBundles is how many bundles of entries are made at a time. One may take
	// reading 256 of the largest blocks for 64 KiB of answer.
	maxBundles = 2

	// backupTimeout is how long a backup may take, which holds a snapshot: 10 TB at
	// the 120 MB/s of a network of 1 Gbit/s.
	backupTimeout = 24 * time.Hour

	// MaxDiagnosed is how many chains diagnostics show, of the 1,000 there may be.
	MaxDiagnosed = 100

	// maxGoroutines bounds the stacks of goroutines that are shown: some thousand.
	maxGoroutines = 2 << 20

	// maxPooled is the largest buffer that is kept for the next request. A
	// batch of 1,000 fits.
	maxPooled = 512 << 10

	// The memory of what clients send and get, all of them together. What is
	// beyond it is answered with 503 and Retry-After, so that many clients which
	// are slow, on purpose or not, cannot take this node's memory: a client costs
	// what its connection does, and beyond that these bytes are all there is.
	//
	// maxBodyBytes is for bodies, counted as they arrive, and for the results of
	// batches: eight of the largest, twice what the queue of writes takes. The
	// first smallBody of each are free, which most single transactions are: they
	// find their way also when batches fill the memory. As a buffer is copied when
	// it grows, the process may use twice as much for a moment.
	maxBodyBytes = 64 << 20
	smallBody    = 4 << 10

	// maxAnswerBytes is for answers: 32 of the largest blocks, or 500 readers of
	// chains with a run of small ones each. Answers up to smallAnswer are free.
	// maxReading bounds those that read a run for which there is no room yet.
	maxAnswerBytes = 128 << 20
	smallAnswer    = 4 << 10
	maxReading     = 8

	// guestShare is the part that guests have: of the places for streams and long polls
	// the half, so that followers and applications that watch events without a token
	// get on; and memory of their own, a quarter of what the others have, in which two
	// of the largest bodies and eight of the largest blocks fit.
	guestShare  = 4
	guestPlaces = 2

	// guestChunks is how many pieces of events, of up to stream.Chunk bytes, go out a
	// second to all guests together: each takes half a millisecond to make, and a block
	// with thousands of records is sent to each reader anew.
	guestChunks = 256

	// resultBytes is what the result of one item of a batch takes, at most but for
	// a detail that is long.
	resultBytes = 256

	// maxAhead bounds the streams that have a second run, read while they send the first: a
	// sixteenth of the memory for answers, a quarter of the guests'. Those without one read
	// and send in turns.
	maxAhead = 32

	// MaxConnections bounds the clients that are connected, where the process may
	// have enough files open: an idle connection takes some 20 kB. The last
	// spareConnections of them are for spareTimeout each: they tell clients to come
	// again, and let through who watches over this node.
	MaxConnections   = 16_384
	spareConnections = 32
	spareTimeout     = 2 * time.Second

	// silence is how long a client may take for the header of its request, or leave its
	// connection alone, where there is no place for others: some round trips within a
	// continent, a handshake among them. Few places then let two thousand clients a
	// second come and go, before those who come have to queue.
	silence = 200 * time.Millisecond

	// Of one limited network there is a share of the connections, and minNetwork at
	// least; each for so many requests, so that clients spread over the nodes again
	// after one was away.
	networkShare       = 8
	minNetwork         = 32
	connectionRequests = 1_000

	// headerTimeout is for the header of a request, requestTimeout for the whole
	// of a small one and for each further bodyStep of a body, which is 6 kB/s.
	// bodyTimeout is for a body in all: one of maxBatchBody comes at 140 kB/s.
	headerTimeout  = 10 * time.Second
	requestTimeout = 10 * time.Second
	bodyStep       = 64 << 10
	bodyTimeout    = time.Minute
	idleTimeout    = 2 * time.Minute
	// maxHeaderBytes is twice what package edge lets through, and says why.
	maxHeaderBytes = 32 << 10

	// linger is longer than a busy client leaves a connection alone.
	linger = 250 * time.Millisecond
)
