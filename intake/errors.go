package intake

import "github.com/bpsc/bpsc/chain"

// What is wrong with a body as such, and that there is no room to check its
// signatures now: nothing of it was ordered.
const (
	ErrInvalidJSON   chain.Code = "invalid_json"
	ErrBatchTooLarge chain.Code = "batch_too_large"
	ErrQueueFull     chain.Code = "queue_full"
)
