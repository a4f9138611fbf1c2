package chain

// Code is a stable machine-readable reason why something was refused. A Code
// is an error, so it serves as its own sentinel: wrap it with %w to say more,
// find it again with errors.As.
type Code string

// Error returns the code's own text.
func (c Code) Error() string { return string(c) }

// Reasons that lie in the input alone.
const (
	MissingValues     Code = "missing_values"
	InvalidField      Code = "invalid_field"
	InvalidUTF8       Code = "invalid_utf8"
	NameTooLong       Code = "name_too_long"
	NameEmpty         Code = "name_empty"
	MemoTooLong       Code = "memo_too_long"
	KeyTooLong        Code = "idempotency_key_too_long"
	AmountInvalid     Code = "amount_invalid"
	AmountNotPositive Code = "amount_not_positive"
	AmountTooPrecise  Code = "amount_too_precise"
	AmountTooLarge    Code = "amount_too_large"
	AmountTooSmall    Code = "amount_too_small"
	AddressInvalid    Code = "address_invalid"
	SignatureInvalid  Code = "signature_invalid"
	NonceInvalid      Code = "nonce_invalid"
	ExpiresInvalid    Code = "expires_invalid"
	KindInvalid       Code = "kind_invalid"
	RulesInvalid      Code = "rules_invalid"
	OwnAccount        Code = "own_account"
	ContractInvalid   Code = "contract_invalid"
	NodeInvalid       Code = "node_invalid"
)

// Reasons that lie in the state of the ledger.
const (
	ContractUnknown     Code = "contract_unknown"
	ContractExists      Code = "contract_exists"
	ContractsFull       Code = "contracts_full"
	SchedulesFull       Code = "schedules_full"
	IDReused            Code = "id_reused"
	Expired             Code = "expired"
	ExpiresTooFar       Code = "expires_too_far"
	KeyWrong            Code = "key_wrong"
	AccountFrozen       Code = "account_frozen"
	InsufficientFunds   Code = "insufficient_funds"
	LimitPerTransfer    Code = "limit_per_transfer"
	LimitPerDay         Code = "limit_per_day"
	HoldUnknown         Code = "hold_unknown"
	HoldNotYours        Code = "hold_not_yours"
	HoldDelivered       Code = "hold_delivered"
	HoldRejected        Code = "hold_rejected"
	HoldHasExpired      Code = "hold_expired"
	HoldRefunded        Code = "hold_refunded"
	HoldUntilInvalid    Code = "hold_until_invalid"
	HoldsFull           Code = "holds_full"
	SenderHoldsFull     Code = "sender_holds_full"
	HoldTooSmall        Code = "hold_too_small"
	NotIssuer           Code = "not_issuer"
	NotTreasurer        Code = "not_treasurer"
	NotMintable         Code = "not_mintable"
	NotFreezable        Code = "not_freezable"
	InsufficientFees    Code = "insufficient_fees"
	BalanceOutOfRange   Code = "balance_out_of_range"
	TotalOutOfRange     Code = "total_out_of_range"
	OnRequestDisabled   Code = "on_request_disabled"
	MembersFull         Code = "members_full"
	MemberNotConfigured Code = "member_not_configured"
	MemberKeyFixed      Code = "member_key_fixed"
	EndorsementWrong    Code = "endorsement_wrong"
	RecoveryInvalid     Code = "recovery_invalid"
	AttestationWrong    Code = "attestation_wrong"
	LevelActive         Code = "level_active"
	LevelUnsupported    Code = "level_unsupported"
	LevelNotActive      Code = "level_not_active"
	TokenUnknown        Code = "token_unknown"
	TokenRequired       Code = "token_required"
	TokenRevoked        Code = "token_revoked"
	TokenExpired        Code = "token_expired"
	TokenTooBroad       Code = "token_too_broad"
	TokensFull          Code = "tokens_full"
	AuditEntryInvalid   Code = "audit_entry_invalid"
	NotFound            Code = "not_found"
)

// ErrInvalid is what every failed verification of a block wraps.
const ErrInvalid Code = "does_not_verify"
