// Package protocol has the names that both ends of a node's HTTP use: the API,
// clients, followers and relays.
package protocol

// Headers in their canonical form, so that they may be keys of an http.Header.
const (
	// IdempotencyKey makes a transaction of an open contract, sent again under it,
	// the same one.
	IdempotencyKey = "Idempotency-Key"
	// IdempotentReplay is "true" on the answer to a transaction that was in the
	// ledger already.
	IdempotentReplay = "Idempotent-Replay"
	// RequestID names a request in logs and problems, all the way.
	RequestID = "X-Request-Id"

	// Chain is the id of the chain that a request is meant for: a node where the
	// contract's chain is another one refuses it.
	Chain = "Bpsc-Chain"
	// ChainLength says how long the whole chain is. It is left out where all of
	// the range asked for is there, for then the answer never changes.
	ChainLength = "Bpsc-Chain-Length"
	// AppliedIndex is how far the replica was that answers a read.
	AppliedIndex = "Bpsc-Applied-Index"
	// LastContact is how many milliseconds ago the node heard of the newest state.
	LastContact = "Bpsc-Last-Contact"
	// MinBlock is on the answer to a write the block that has, or will have, its
	// record. A client that sends it back with a read gets no answer that is
	// older: followers, which know blocks only, wait for that block; members know
	// records before.
	MinBlock = "Bpsc-Min-Block"
	// Relayed marks the answer to a read that comes from an upstream as it is: the
	// node has not verified it, since it hears of what is decided with its block.
	Relayed = "Bpsc-Relayed"
	// RelayHops counts the relays that a request has been through.
	RelayHops = "Bpsc-Relay-Hops"
)
