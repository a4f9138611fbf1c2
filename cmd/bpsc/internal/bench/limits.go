package bench

import "time"

// Bounds of a run.
const (
	maxConnections = 10_000    // each has a port of this machine
	maxRate        = 1_000_000 // more is due than one processor could send
	maxBatch       = 10_000    // what the API takes
	maxWallets     = 100_000   // each is asked for when the ledger is checked
	maxPresigned   = 5_000_000 // 400 bytes each
	maxPayload     = 320       // a memo has 256 bytes at most
	maxMembers     = 7
	maxKills       = 1000
	maxSamples     = 100_000
	maxSynced      = 20_000_000

	minDuration = 100 * time.Millisecond

	// Requests with batches that are made beforehand and sent again and again: making them
	// is not what is measured. Together they have this many bytes at most, each connection
	// as many as fit, up to keptBatches.
	keptBytes   = 128 << 20
	keptBatches = 16
)

// interval is how long each point of a run is: a hundred of them, of a tenth of a second at
// least.
func interval(duration time.Duration) time.Duration {
	return max(duration/100, 100*time.Millisecond).Round(time.Millisecond)
}
