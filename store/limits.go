package store

const (
	// LayerBytes is how much changed state the overlay gathers before it is
	// frozen and flushed. Larger runs mean fewer, better sorted writes; two
	// layers (one filling, one flushing) are in memory at most.
	LayerBytes = 32 << 20

	// cacheBytes bounds Pebble's block cache, memTableBytes its write buffer.
	cacheBytes    = 128 << 20
	memTableBytes = 32 << 20

	// bloomBits is bits a key in Pebble's filters: 10 give one false hit in
	// a hundred, so a new id rarely costs a read.
	bloomBits = 10

	// startCheckBytes bounds what is read back and checked at start, so that
	// a long chain does not make a slow start.
	startCheckBytes = 256 << 20

	// readRun and readRunBytes bound how many blocks one pass reads before it
	// lets go of the store, so that a slow reader holds nothing.
	readRun      = 256
	readRunBytes = 1 << 20
)
