package store

import "github.com/bpsc/bpsc/store/blocks"

const (
	// LayerBytes is how much changed state the overlay gathers before it is
	// frozen and flushed. Larger runs mean fewer, better sorted writes; two
	// layers (one filling, one flushing) are in memory at most.
	LayerBytes = 32 << 20

	// recentAccounts bounds the accounts that small layers gather in memory
	// after their flush, to spare reads; recentAdded those that one of them adds,
	// while nobody else can use the store.
	recentAccounts = 100_000
	recentAdded    = 2_000

	// cacheBytes bounds Pebble's block cache. It is in Go's heap, and so costs up to twice
	// as much; the system caches the files besides.
	cacheBytes = 32 << 20

	// filterBytes is how large the filter of ids is at first, and maxFilterBytes at most:
	// when there are more ids than five for each of its words, one of twice the size
	// is filled beside it, from 21 million on. So one new id in 300 at most costs a read in
	// vain, up to 84 million of them; with 168 million it is one in 14. The answers are
	// right at any size. To fill one reads all ids.
	filterBytes    = 32 << 20
	maxFilterBytes = 128 << 20

	// foldBytes is how many bytes of changes a head gathers before they are hashed: some
	// fifty transfers, which stay in the processor's cache. Members must agree about it.
	foldBytes = 4 << 10

	// epochRecords is how many records of a chain an epoch has. What Pebble writes again
	// for a transfer grows with the epoch, what a look for an old id costs with the
	// number of epochs, 1.5 µs each: ten of them in ten million records.
	epochRecords = 1 << 20

	// dividedChains is how many chains have files of their own in Pebble, some ten of each in
	// a flush: see keys.Division. Those that come in order are taken down, where there are many,
	// which is looked at every flushesToSink flushes.
	dividedChains = 8
	flushesToSink = 50

	// inspectTables is how many files Inspect has open: it reads a few rows.
	inspectTables = 32

	// startCheckBytes bounds what is read back and checked at start, so that
	// a long chain does not make a slow start.
	startCheckBytes = 256 << 20

	// scrubRunBytes is what Scrub reads while it holds the store: a millisecond
	// or two.
	scrubRunBytes = 1 << 20

	// readRun and readRunBytes bound what one pass looks at before it lets go of the
	// store: blocks, and as many records or rows.
	readRun      = blocks.MaxRun
	readRunBytes = blocks.MaxRunBytes

	// noteEvery is how many records of an account lie between two of its notes: a
	// read of the past takes so many records at most, about a millisecond, and the
	// notes are a hundredth of what else is written for a transfer.
	noteEvery = 128

	// searchPages bounds the pages of an account's history that one request looks
	// through for the ends of holds of which nobody has noted in which block they
	// ended.
	searchPages = 16
)
