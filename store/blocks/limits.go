package blocks

const (
	// pieceRecords is how many records share a row, so that one of them is read
	// without the rest of its block: 10 KiB of plain transfers, 192 KiB at most.
	// A row for each would make a flush sort and compact twice as many.
	pieceRecords = 32

	// MaxRun and MaxRunBytes bound how many blocks one Read returns, so that a slow reader
	// holds nothing but those.
	MaxRun      = 256
	MaxRunBytes = 256 << 10
)
