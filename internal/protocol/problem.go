package protocol

// Problem is how a node refuses a request (RFC 9457).
type Problem struct {
	Type      string `json:"type"` // address of a page about the code, on every node
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`      // stable: an outcome.Code or the ledger's
	Retryable bool   `json:"retryable"` // the same request may succeed later, and is safe to send
	Instance  string `json:"instance,omitempty"`
	RequestID string `json:"request_id"`

	ID string `json:"id,omitempty"` // of the transaction that it is about
	// TransactionStatus is "unknown" where nothing is known of it: neither that it
	// was applied nor that it cannot be.
	TransactionStatus string `json:"transaction_status,omitempty"`
	ChainTime         int64  `json:"chain_time,omitempty"`      // unix seconds, of a refusal that lies in the time
	Key               string `json:"idempotency_key,omitempty"` // drawn for a transaction that came without
}
