package api

// Error is a stable machine-readable reason of this package's own, beside the
// ledger's chain.Code. It is its own sentinel: wrap it with %w, find it again
// with errors.Is.
type Error string

// Error returns the code's own text.
func (e Error) Error() string { return string(e) }

// What became of a write that got no result. Only ErrOutcomeUnknown leaves
// open whether it took effect; the others mean that it did not and never will.
const (
	ErrNoLeader       Error = "no_leader"
	ErrQueueFull      Error = "queue_full"
	ErrNotOrdered     Error = "not_ordered"
	ErrShuttingDown   Error = "shutting_down"
	ErrTooLarge       Error = "too_large"
	ErrOutcomeUnknown Error = "outcome_unknown"
)

// Why a read was not answered.
const (
	ErrBehind    Error = "behind"
	ErrNotLeader Error = "not_leader"

	// ErrContractNotHere: there may be such a contract, and this node has not
	// heard of it yet.
	ErrContractNotHere Error = "contract_not_here"
)

// ErrReceiptNotReady: no checkpoint covers the transaction's block yet.
const ErrReceiptNotReady Error = "receipt_not_ready"

// This node has no place or no memory for another client at the moment.
const ErrTooManyClients Error = "too_many_clients"

// Why a follower did not do what was asked. ErrNoUpstream means that no one took
// the request: it has no effect.
const (
	ErrNoUpstream   Error = "no_upstream"
	ErrRelayLoop    Error = "relay_loop"
	ErrPersonalFull Error = "personal_full"
	ErrNotHere      Error = "not_here"
)

// ErrOtherChain: the contract's chain is not the one that the request names.
// Nothing has happened.
const ErrOtherChain Error = "chain_other"

// What is wrong with a request as such.
const (
	ErrNoContract       Error = "no_contract"
	ErrBodyTooLarge     Error = "body_too_large"
	ErrBodyIncomplete   Error = "body_incomplete"
	ErrPathUnknown      Error = "path_unknown"
	ErrMethodNotAllowed Error = "method_not_allowed"
	ErrInternal         Error = "internal"

	// Why somebody may not ask for this, or not so often.
	ErrHostUnknown   Error = "host_unknown"
	ErrOriginForeign Error = "origin_foreign"
	ErrOperatorOnly  Error = "operator_only"
	ErrTooManyBlocks Error = "too_many_blocks"
)
