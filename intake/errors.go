package intake

import "github.com/bpsc/bpsc/chain"

// What is wrong with a body as such.
const (
	ErrInvalidJSON   chain.Code = "invalid_json"
	ErrBatchTooLarge chain.Code = "batch_too_large"
)
