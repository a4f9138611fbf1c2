package openapi

import (
	"net/http"
	"slices"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/protocol"
)

// found are the headers of an answer about an id: where this follower has heard nothing
// of it, a member's answer is handed on.
var found = []string{protocol.AppliedIndex, protocol.LastContact, protocol.Relayed, "Cache-Control"}

// decided are the headers of an answer to a transaction.
var decided = []string{"Location", protocol.MinBlock, protocol.IdempotentReplay, "Cache-Control"}

func ledgerOperations() []Operation {
	submitted := []Answer{
		answers(http.StatusCreated, "It is decided, and on the disks of a majority.", named("Decided"), decided...),
		answers(http.StatusOK, "It had been decided before: the first answer, with `"+protocol.IdempotentReplay+": true`.", named("Decided"), decided...)}
	submit := slices.Concat(ofRole, ofSite, ofContract, ofBody, ofTransaction, ofLedger, ofOrder, ofRelay)
	resolve := func(id string, kind chain.Kind, summary string) Operation {
		needs := signedTransaction(kind, inContract)
		needs.Required = slices.DeleteFunc(slices.Clone(needs.Required), func(name string) bool { return name == "kind" || name == "hold" })
		needs.Description = "The same as in `POST /v1/transactions`; `kind` and `hold` may be left out, as the path says them."
		return Operation{ID: id, Method: http.MethodPost, Path: "/v1/holds/{id}:" + string(kind), Tag: "Holds", Nodes: All, Role: "submit",
			Summary: summary, About: "A transaction, signed by the recipient. A hold is resolved once: a second attempt is told how it was.",
			InPath: []*Parameter{pathID("hold")}, Query: aboutAChain, Headers: []*Parameter{withKey, withChain},
			Body: bodyOf(needs, ""), Answers: submitted, Codes: submit}
	}
	read := slices.Concat(ofRole, ofContract, ofFreshness)
	account := slices.Concat(read, []string{"name_too_long", "name_empty", "invalid_utf8", "address_invalid"})
	return []Operation{
		{ID: "submit", Method: http.MethodPost, Path: "/v1/transactions", Tag: "Transactions", Nodes: All, Role: "submit",
			Summary: "Submit a transaction",
			About: "In an open contract a transfer: send an `" + protocol.IdempotencyKey + "`, and it happens once however often it is sent. In a signed one any kind, with the sender's signature; its id is the SHA-256 of the signed bytes. " +
				"What is not known is refused, so that a field that is misspelt changes nothing.\n\n" +
				"503: it did not happen; send it again. 504 `outcome_unknown`: it may have happened; send the same bytes again under the same id.",
			Query: aboutAChain, Headers: []*Parameter{withKey, withChain},
			Body: bodyOf(named("Transaction"), ""), Answers: submitted, Codes: submit},
		{ID: "submitBatch", Method: http.MethodPost, Path: "/v1/transactions:batch", Tag: "Transactions", Nodes: All, Role: "submit",
			Summary: "Submit up to 10,000 transactions", About: "Of one contract, in their order. Each has a result of its own; the request is refused as a whole only where it cannot be read, or none was ordered.",
			Query: aboutAChain, Headers: []*Parameter{withChain},
			Body:    bodyOf(closed("A batch.", must("transactions", &Schema{Type: "array", Items: named("BatchItem"), MaxItems: chain.MaxBlockRecords}), inContract), "At most 8 MiB."),
			Answers: []Answer{answers(http.StatusOK, "What became of each.", named("BatchAnswer"), protocol.MinBlock, "Cache-Control")},
			Codes:   slices.Concat(ofRole, ofSite, ofContract, ofBody, ofOrder, ofRelay, []string{"missing_values", "batch_too_large"})},
		{ID: "transaction", Method: http.MethodGet, Path: "/v1/transactions/{id}", Tag: "Transactions", Nodes: All, Role: "read",
			Summary: "What became of a transaction",
			About:   "A node that answered for an id answers for it from then on. With `expires`, the time at which a signed transaction expires, an id that is not there is told to be `expired` once it can no longer come.",
			InPath:  []*Parameter{pathID("transaction")}, Query: slices.Concat(aboutAChain, ofAge, []*Parameter{{Name: "expires", Schema: seconds("When the transaction expires.")}}), Headers: []*Parameter{withChain, withBlock},
			Answers: []Answer{answers(http.StatusOK, "What is known of it.", anyOf("", named("Found"), named("Refused"), named("Expired")), found...)},
			Codes:   slices.Concat(read, ofRelay, []string{"not_found"})},
		{ID: "receipt", Method: http.MethodGet, Path: "/v1/transactions/{id}/receipt", Tag: "Evidence", Nodes: All, Role: "read",
			Summary: "A file that proves a record",
			About:   "The record, its block's header, and the way from it to a checkpoint that a majority of the members has signed: it verifies offline, with the members' keys alone. A later checkpoint gives another receipt, as good.",
			InPath:  []*Parameter{pathID("transaction")}, Query: slices.Concat(aboutAChain, ofAge, []*Parameter{{Name: "wait", Schema: duration("How long to wait for a checkpoint that covers it; up to `30s`.")}}), Headers: []*Parameter{withChain, withBlock, withTag},
			Answers: []Answer{texts(http.StatusOK, "The receipt (c2sp.org/tlog-proof).", append([]string{"Content-Disposition", protocol.Relayed}, ofTagged...)...), unchangedReceipt},
			Codes:   slices.Concat(read, ofRelay, []string{"not_found", "receipt_not_ready", "does_not_verify"})},
		{ID: "hold", Method: http.MethodGet, Path: "/v1/holds/{id}", Tag: "Holds", Nodes: All, Role: "read",
			Summary: "A hold", InPath: []*Parameter{pathID("hold")}, Query: slices.Concat(aboutAChain, ofAge, asOf), Headers: []*Parameter{withChain, withBlock, withTag},
			Answers: []Answer{answers(http.StatusOK, "The hold.", named("Hold"), append([]string{"ETag"}, found...)...), unchangedPast},
			Codes:   slices.Concat(read, ofPast, ofRelay, []string{"hold_unknown"})},
		resolve("acceptHold", chain.Accept, "Take a hold"),
		resolve("rejectHold", chain.Reject, "Send a hold back"),
		{ID: "account", Method: http.MethodGet, Path: "/v1/accounts/{address}", Tag: "Accounts", Nodes: All, Role: "read",
			Summary: "A wallet", About: "As it is or, with `at_block` or `at`, as it was. One that was never used has nothing.",
			InPath: []*Parameter{pathAddress}, Query: slices.Concat(aboutAChain, ofAge, asOf), Headers: []*Parameter{withChain, withBlock, withTag},
			Answers: []Answer{answers(http.StatusOK, "The wallet.", named("Account"), append([]string{"ETag", "Cache-Control"}, ofRead...)...), unchangedPast},
			Codes:   slices.Concat(account, ofPast)},
		{ID: "accountTransactions", Method: http.MethodGet, Path: "/v1/accounts/{address}/transactions", Tag: "Accounts", Nodes: All, Role: "read",
			Summary: "The records that name a wallet", About: "Newest first. Pages are stable: what has been read stays where it is.",
			InPath: []*Parameter{pathAddress}, Query: slices.Concat(aboutAChain, ofAge, []*Parameter{ofPage,
				{Name: "kind", Schema: text("Kinds of records, with commas between them: `transfer,refund`.")},
				{Name: "direction", Schema: oneOf([]string{"in", "out"}, "`in`: the wallet is the recipient. `out`: it is the sender.")},
				{Name: "order", Schema: oneOf([]string{"desc", "asc"}, "Newest or oldest first.").byDefault("desc")},
				afterPage, {Name: "before", Schema: text("Where the page ends: `prev` of an earlier page, as it came.")}}),
			Headers: []*Parameter{withChain, withBlock},
			Answers: []Answer{answers(http.StatusOK, "A page of them.", named("History"), ofRead...)},
			Codes:   slices.Concat(account, ofCursor)},
		{ID: "accountHolds", Method: http.MethodGet, Path: "/v1/accounts/{address}/holds", Tag: "Accounts", Nodes: All, Role: "read",
			Summary: "The holds that nobody has decided", About: "Those that wait for the wallet's word or, with `role=sender`, those that it has sent. The first to expire comes first; as of the past, the last that was made.",
			InPath: []*Parameter{pathAddress}, Query: slices.Concat(aboutAChain, ofAge, asOf, []*Parameter{ofPage,
				{Name: "role", Schema: oneOf([]string{"recipient", "sender"}, "What the wallet is to them.").byDefault("recipient")}, afterPage}),
			Headers: []*Parameter{withChain, withBlock, withTag},
			Answers: []Answer{answers(http.StatusOK, "A page of them.", named("Holds"), append([]string{"ETag", "Cache-Control"}, ofRead...)...), unchangedPast},
			Codes:   slices.Concat(account, ofCursor, ofPast)},
	}
}

var (
	unchangedPast    = Answer{Status: 304, About: "Of an answer about the past: the client has it.", Headers: []string{"ETag", "Cache-Control", protocol.AppliedIndex, protocol.LastContact}}
	unchangedReceipt = Answer{Status: 304, About: unchanged.About, Headers: []string{"ETag", "Cache-Control", "Content-Disposition", protocol.AppliedIndex, protocol.LastContact}}
)
