package events

import (
	"time"

	"github.com/bpsc/bpsc/api/stream"
)

const (
	// suspectKeepAlive is how often something is sent to a reader of events that
	// may have gone.
	suspectKeepAlive = time.Second

	// maxKept is the largest buffer that is kept for the next reader. A chunk, with a
	// record behind it, fits.
	maxKept = 8 * stream.Chunk
)
