package problem

import "github.com/bpsc/bpsc/internal/outcome"

// Reasons of the API's own, beside the ledger's chain.Code and what became of
// a write that got no result.

// Why a read was not answered.
const (
	Behind    outcome.Code = "behind"
	NotLeader outcome.Code = "not_leader"

	// ContractNotHere: there may be such a contract, and this node has not
	// heard of it yet.
	ContractNotHere outcome.Code = "contract_not_here"

	// Of the past: the chain has not come to that block, it began later, or
	// this node has not read all that it takes.
	BlockNotHere  outcome.Code = "block_not_here"
	BeforeGenesis outcome.Code = "before_genesis"
	PastNotReady  outcome.Code = "past_not_ready"
)

// ReceiptNotReady: no checkpoint covers the transaction's block yet.
const ReceiptNotReady outcome.Code = "receipt_not_ready"

// TooManyClients: this node has no place or no memory for another client at the moment.
const TooManyClients outcome.Code = "too_many_clients"

// NotHere: only a member does what a follower was asked to.
const NotHere outcome.Code = "not_here"

// What is wrong with a request as such.
const (
	NoContract     outcome.Code = "no_contract"
	BodyIncomplete outcome.Code = "body_incomplete"
	Internal       outcome.Code = "internal"

	// TooManyBlocks: they are asked for too often.
	TooManyBlocks outcome.Code = "too_many_blocks"
)

// BackupRuns: a member makes one backup at a time.
const BackupRuns outcome.Code = "backup_in_progress"
