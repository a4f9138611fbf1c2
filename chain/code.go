package chain

// Code is a stable machine-readable reason why something was refused. A Code
// is an error, so it serves as its own sentinel: wrap it with %w to say more,
// find it again with errors.As.
type Code string

// Error returns the code's own text.
func (c Code) Error() string { return string(c) }

// Reasons that lie in the input alone.
const (
	MissingValues       Code = "missing_values"
	InvalidField        Code = "invalid_field"
	InvalidUTF8         Code = "invalid_utf8"
	NameTooLong         Code = "name_too_long"
	NameEmpty           Code = "name_empty"
	MemoTooLong         Code = "memo_too_long"
	KeyTooLong          Code = "idempotency_key_too_long"
	AmountInvalid       Code = "amount_invalid"
	AmountNotPositive   Code = "amount_not_positive"
	AmountTooPrecise    Code = "amount_too_precise"
	AmountTooLarge      Code = "amount_too_large"
	AmountTooSmall      Code = "amount_too_small"
	ContractInvalid     Code = "contract_invalid"
	ContractUnsupported Code = "contract_unsupported"
	NodeInvalid         Code = "node_invalid"
)

// Reasons that lie in the state of the ledger.
const (
	ContractUnknown   Code = "contract_unknown"
	ContractExists    Code = "contract_exists"
	ContractsFull     Code = "contracts_full"
	NodesFull         Code = "nodes_full"
	IDReused          Code = "id_reused"
	BalanceOutOfRange Code = "balance_out_of_range"
	TotalOutOfRange   Code = "total_out_of_range"
	OnRequestDisabled Code = "on_request_disabled"
	NotFound          Code = "not_found"
)

// ErrInvalid is what every failed verification of a block wraps.
const ErrInvalid Code = "does_not_verify"
