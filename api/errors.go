package api

import "github.com/bpsc/bpsc/internal/outcome"

// Reasons of this package's own, beside the ledger's chain.Code and what became of
// a write that got no result.

// Why a read was not answered.
const (
	ErrBehind    outcome.Code = "behind"
	ErrNotLeader outcome.Code = "not_leader"

	// ErrContractNotHere: there may be such a contract, and this node has not
	// heard of it yet.
	ErrContractNotHere outcome.Code = "contract_not_here"
)

// ErrReceiptNotReady: no checkpoint covers the transaction's block yet.
const ErrReceiptNotReady outcome.Code = "receipt_not_ready"

// This node has no place or no memory for another client at the moment.
const ErrTooManyClients outcome.Code = "too_many_clients"

// Why a follower did not do what was asked.
const (
	ErrPersonalFull outcome.Code = "personal_full"
	ErrNotHere      outcome.Code = "not_here"
)

// What is wrong with a request as such.
const (
	ErrNoContract     outcome.Code = "no_contract"
	ErrBodyTooLarge   outcome.Code = "body_too_large"
	ErrBodyIncomplete outcome.Code = "body_incomplete"
	ErrInternal       outcome.Code = "internal"

	// Why somebody may not ask for this, or not so often.
	ErrHostUnknown   outcome.Code = "host_unknown"
	ErrOriginForeign outcome.Code = "origin_foreign"
	ErrOperatorOnly  outcome.Code = "operator_only"
	ErrTooManyBlocks outcome.Code = "too_many_blocks"
)
