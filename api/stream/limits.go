// Package stream reads and sends what is long within a memory that has a bound: blocks a run
// at a time, so that nothing in the store is kept open for a client that is slow, and
// answers in chunks.
package stream

const (
	// Chunk is how much of a stream goes into one write: enough that system
	// calls do not count. A client gets ChunkTimeout of the API's Config for each.
	Chunk = 64 << 10

	// runBlocks and runBytes bound what a stream reads at a time, which is what a
	// reader costs that does not read.
	runBlocks = 256
	runBytes  = 256 << 10
)
