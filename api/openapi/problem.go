package openapi

import "strconv"

// Problem is a code with which a node refuses, and what that means.
type Problem struct {
	Code      string
	Status    int
	Title     string
	Retryable bool // the same request may succeed later, and is safe to send
}

// ProblemPath is where a problem's page is: its type (RFC 9457).
const ProblemPath = "/docs/problems/"

// problem is the schema of what stands in the body.
func problem() *Schema {
	return object("Why a request was refused (RFC 9457). Programs go by `code`, which never changes; people read `detail`.",
		must("type", text("The address of a page about it on every node: `"+ProblemPath+"CODE`.")),
		must("title", text("What the code means, in words.")),
		must("status", integer("As in the first line of the answer.").from(400).to(599)),
		must("detail", text("What is wrong with this request. On the tutorial's paths it is the tutorial's sentence.")),
		must("code", named("Code")),
		must("retryable", flag("The same request may succeed later, and is safe to send: it has not happened, or happens once.")),
		may("instance", text("The path of the request.")),
		must("request_id", text("As in the header and in the node's log.")),
		may("id", hash("The transaction that it is about.")),
		may("transaction_status", oneOf([]string{"unknown"}, "Nothing is known of that transaction: neither that it was applied nor that it cannot be.")),
		may("chain_time", seconds("The chain's time, of a refusal that lies in the time.")),
		may("idempotency_key", text("The key that was drawn for a transaction that came without: send the same body again under it.")))
}

// codes is the schema of a code.
func codes(all []Problem) *Schema {
	s := text("A stable code. A later version may know more: treat one that is not known by its status.")
	for _, p := range all {
		s.Enum = append(s.Enum, p.Code)
	}
	return s
}

// statusText is a status as the document has it.
func statusText(status int) string { return strconv.Itoa(status) }

// Codes that operations have in common, by why.
var (
	// Whatever is asked for.
	ofAnything = []string{"internal", "too_many_clients", "rate_limited", "request_malformed", "target_too_long", "header_too_large",
		"tls_required", "host_unknown", "token_in_url", "invalid_field", "path_unknown"}
	// Where a token may be needed.
	ofRole = []string{"token_required", "token_invalid", "token_revoked", "token_expired", "role_missing", "other_contract"}
	// Where something changes, and pages of other sites may not.
	ofSite = []string{"origin_foreign"}
	// Where a contract is named.
	ofContract = []string{"no_contract", "contract_unknown", "contract_not_here", "chain_other"}
	// Where an answer has to be new enough.
	ofFreshness = []string{"behind", "not_leader", "no_leader", "queue_full", "shutting_down", "disk_full"}
	// Where a follower may ask elsewhere.
	ofRelay = []string{"no_upstream", "relay_loop"}
	// Where a body is read.
	ofBody = []string{"invalid_json", "invalid_utf8", "body_too_large", "body_incomplete"}
	// Where something goes into the members' log.
	ofOrder = []string{"no_leader", "queue_full", "not_ordered", "shutting_down", "disk_full", "too_large", "outcome_unknown"}
	// Where the audit log has to have it first.
	ofAudit = []string{"audit_entry_invalid"}
	// Where only a member answers.
	ofMember = []string{"not_here"}
	// Where a place in the chain is named.
	ofCursor = []string{"chain_other"}
	// Where the past is read.
	ofPast = []string{"block_not_here", "before_genesis", "past_not_ready"}
	// What is wrong with a transaction as such.
	ofTransaction = []string{"missing_values", "name_too_long", "name_empty", "memo_too_long", "idempotency_key_too_long", "amount_invalid",
		"amount_not_positive", "amount_too_precise", "amount_too_large", "amount_too_small", "address_invalid", "signature_invalid",
		"nonce_invalid", "expires_invalid", "kind_invalid", "rules_invalid", "own_account"}
	// Why the ledger does not take one.
	ofLedger = []string{"id_reused", "expired", "expires_too_far", "key_wrong", "account_frozen", "insufficient_funds",
		"limit_per_transfer", "limit_per_day", "hold_unknown", "hold_not_yours", "hold_delivered", "hold_rejected", "hold_expired",
		"hold_refunded", "hold_until_invalid", "holds_full", "sender_holds_full", "hold_too_small", "not_issuer", "not_treasurer",
		"not_mintable", "not_freezable", "insufficient_fees", "balance_out_of_range", "total_out_of_range"}
)
