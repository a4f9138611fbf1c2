package engine

import "time"

const (
	// memTableBytes bounds Pebble's write buffer. A batch of the store, which is sorted, is
	// larger than half of that, and so Pebble writes it as it is and copies it into no buffer.
	memTableBytes = 8 << 20

	// flushesToMerge is how many flushes lie one upon another before Pebble merges them
	// into the level below: new keys cost no reads, so fewer merges are the better bargain.
	// With flushesToStop a flush waits for the merge. levelBytes is from how many bytes of
	// keys on there is a level more: what a merge meets there is what flushes fall among,
	// and each level writes all once more.
	flushesToMerge = 10
	flushesToStop  = 48
	levelBytes     = 2 << 30

	// bloomBits is bits a key in Pebble's filters: 10 give one false hit in
	// a hundred, so a new key rarely costs a read.
	bloomBits = 10

	// separateBytes is the size from which a value is kept apart from its key: in the store
	// pieces of blocks with more than a few records, and nothing else of note.
	separateBytes = 1 << 10

	// Files that come in order are taken down when there are filesToSink. Until then they lie
	// beside each other and cost nobody anything, so Pebble is not to merge because of their
	// number, up to filesToMerge.
	filesToSink  = 200
	filesToMerge = 4000

	// retryFor is how long Pebble may try again what it does in the background, once
	// every retryPause: a disk that is full may have room again. Then the process ends
	// and says why. Pebble itself would try again at once and for ever.
	retryFor   = 5 * time.Second
	retryPause = 50 * time.Millisecond
	// retryGap is how long nothing fails after a trouble that is over.
	retryGap = 5 * time.Second
)
