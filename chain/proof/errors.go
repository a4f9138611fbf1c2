package proof

import "github.com/bpsc/bpsc/chain"

// Why something is refused. Each is a stable code that a tool may print; find
// it with errors.Is.
const (
	// Of any input.
	ErrEmpty    chain.Code = "proof_empty"     // there is nothing to read
	ErrTooLarge chain.Code = "proof_too_large" // beyond the bound for its kind (limits.go)
	ErrSize     chain.Code = "proof_size"      // a size or an index that no log of ours can have

	// Of a leaf, a key, a checkpoint and its signatures.
	ErrLeaf       chain.Code = "leaf_malformed"
	ErrKey        chain.Code = "cosigner_key_malformed"
	ErrNote       chain.Code = "note_malformed"
	ErrTrailing   chain.Code = "note_trailing_bytes" // something stands after the signatures
	ErrCheckpoint chain.Code = "checkpoint_malformed"
	ErrOrigin     chain.Code = "checkpoint_wrong_origin"
	ErrSignature  chain.Code = "cosignature_wrong"        // one by a key of the policy that is not over this body
	ErrTimestamp  chain.Code = "cosignature_without_time" // one by a key of the policy that does not say when
	ErrMinority   chain.Code = "checkpoint_minority"      // fewer members signed than the policy asks for
	ErrWitnesses  chain.Code = "checkpoint_unwitnessed"   // fewer witnesses signed than the policy asks for
	ErrPolicy     chain.Code = "policy_malformed"

	// Of a handover and a history of policies.
	ErrHandover         chain.Code = "handover_malformed"
	ErrHandoverOrder    chain.Code = "handover_out_of_order" // it does not follow the newest policy that is known
	ErrHandoverMinority chain.Code = "handover_minority"     // fewer members signed than it takes
	ErrRecovery         chain.Code = "recovery_not_accepted" // a quorum was lost, and nobody here has said what it is worth
	ErrHistory          chain.Code = "history_malformed"

	// Of proofs.
	ErrStale        chain.Code = "checkpoint_stale"       // it was signed before the block was there
	ErrLeafPath     chain.Code = "leaf_not_in_log"        // the path does not lead to the checkpoint's root
	ErrRolledBack   chain.Code = "log_rolled_back"        // the newer checkpoint is of a smaller log
	ErrInconsistent chain.Code = "log_inconsistent"       // the newer log does not begin with the older one
	ErrReceipt      chain.Code = "receipt_malformed"      // the file has not the one form of a receipt
	ErrHeader       chain.Code = "receipt_wrong_header"   // the header is not the one at the proof's index
	ErrRecord       chain.Code = "record_not_canonical"   // not the bytes a block would hold
	ErrRecordPath   chain.Code = "record_not_in_block"    // the path does not lead to the header's transactions_root
	ErrEvidence     chain.Code = "evidence_malformed"     // the file has not the one form of evidence
	ErrConsistent   chain.Code = "evidence_proves_none"   // the checkpoints do not contradict each other
	ErrNobody       chain.Code = "evidence_against_none"  // nobody signed both of them
	ErrEvidencePath chain.Code = "evidence_path_mismatch" // the path does not lead to the larger checkpoint's root

	// Of tiles.
	ErrTilePath     chain.Code = "tile_path_malformed"
	ErrTileMissing  chain.Code = "tile_missing"    // the tree has no such tile, or the server has it no more
	ErrTileSize     chain.Code = "tile_wrong_size" // not as many bytes as its width asks for
	ErrTileMismatch chain.Code = "tile_mismatch"   // its hashes do not lead to the root
	ErrBundle       chain.Code = "bundle_malformed"
)
