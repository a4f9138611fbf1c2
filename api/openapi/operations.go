package openapi

import (
	"net/http"
	"slices"

	"github.com/bpsc/bpsc/internal/protocol"
)

// The operations, by what they are about. An operation is added to the list of its noun; a
// test of package api says where it and the routes differ.

// tags are what operations are about, in the order in which the document has them.
var tags = []struct{ name, about string }{
	{"Tutorial", "The paths of the tutorial's programs: the same methods, bodies, messages and status codes. They act on the default contract, or on that of `?contract=`. They stay."},
	{"Transactions", "Transfers and all else that a wallet's owner asks for. An answer of 201 means that a majority of the members has it on disk; each happens once, however often it is sent."},
	{"Holds", "Tokens that wait for their recipient's word."},
	{"Accounts", "Wallets, and what happened to them."},
	{"Blocks", "The chain, byte for byte as it is hashed."},
	{"Contracts", "What the tokens are and how blocks are produced."},
	{"Evidence", "What proves all that to whoever knows the members' keys: checkpoints, tiles of the log of headers, receipts, policies."},
	{"Events", "Records and blocks as they come."},
	{"Nodes", "A directory of nodes, for clients. Nobody ever sends anything to a node because it stands there."},
	{"Cluster", "The members, and what an operator does with them."},
	{"Access", "Tokens, and what operators have done."},
	{"Operations", "How a node is."},
	{"Personal chain", "A follower's own chain, as in the tutorial."},
	{"Documents", "This description."},
}

// operations are all there are.
func operations() []Operation {
	return slices.Concat(tutorialOperations(), ledgerOperations(), chainOperations(), clusterOperations(), nodeOperations())
}

func bodyOf(schema *Schema, about string) *Body { return &Body{Schema: schema, About: about} }

func tutorialOperations() []Operation {
	forged := "A block without its size being asked for, empty ones too. `GET` changes the ledger here, as in the tutorial: so there is no `HEAD`, nothing keeps the answer, and pages of other sites are refused.\n\nA follower produces blocks of no chain but its own: there it forges the personal chain's next block."
	mine := func(id, method string) Operation {
		return Operation{ID: id, Like: "mine", Method: method, Path: "/mine", Tag: "Tutorial", Nodes: All, Role: "submit", NoHead: true, Besides: []string{protocol.MinBlock}, // a block that this member cannot show yet
			Summary: "Produce a block", About: forged, Query: only(Member, aboutAChain), Headers: only(Member, []*Parameter{withChain}),
			Answers: []Answer{
				answers(http.StatusOK, "A member: the block.", named("Forged"), "Cache-Control", protocol.MinBlock).by(Member),
				answers(http.StatusOK, "A follower: the block of its own chain.", named("ForgedPersonal"), "Cache-Control").by(Follower)},
			Codes: slices.Concat(ofRole, ofSite, ofContract, ofOrder, []string{"behind", "on_request_disabled", "too_many_blocks"})}
	}
	part := slices.Concat(aboutAChain, ofAge, ofAPart)
	return []Operation{
		{ID: "tutorialTransfer", Method: http.MethodPost, Path: "/transactions/new", Tag: "Tutorial", Nodes: All, Role: "submit", Instead: "/v1/transactions",
			Summary: "Transfer tokens, as in the tutorial",
			About: "The body needs `sender`, `recipient` and `amount`; members that mean nothing here are the client's own business, as they were in the tutorial. " +
				"In a signed contract it takes what `POST /v1/transactions` does. A follower hands it on.",
			Query: aboutAChain, Headers: []*Parameter{withKey, withChain},
			Body: bodyOf(object("A transfer.", must("sender", text("Whose tokens.")), must("recipient", text("Who gets them.")), must("amount", asked("How much the sender gives.")),
				may("memo", &Schema{Type: []string{"string", "null"}, Description: "A text that stands in the record."}), inContract), "As JSON, whatever `Content-Type` says."),
			Answers: []Answer{{Status: http.StatusCreated, About: "It is final. Where it completed a block (`schedule.transactions: 1`), the message is `New Block Forged`.",
				Headers: []string{protocol.MinBlock, protocol.IdempotentReplay, "Cache-Control"}, Content: []Content{{typeJSON, anyOf("", named("Moved"), named("MovedAndForged"))}}}},
			Codes: slices.Concat(ofRole, ofSite, ofContract, ofBody, ofTransaction, ofLedger, ofOrder, ofRelay)},
		mine("mine", http.MethodGet), mine("minePost", http.MethodPost),
		{ID: "chain", Method: http.MethodGet, Path: "/chain", Tag: "Tutorial", Nodes: All, Role: "read", Instead: "/v1/blocks",
			Summary: "The whole chain", About: "Streamed: a client that reads it a block at a time needs no memory for more. `length` is that of the whole chain also where a part of it is asked for.",
			Query: part, Headers: []*Parameter{withChain, withBlock, withTag},
			Answers: []Answer{answers(http.StatusOK, "The chain.", object("", must("chain", listOf(named("Block"), "Oldest first.")), must("length", integer("Of the whole chain.").from(1))), ofTagged...), unchanged},
			Codes:   slices.Concat(ofRole, ofContract, ofFreshness, []string{"not_found"})},
		{ID: "smartChain", Method: http.MethodGet, Path: "/smart/chain", Tag: "Tutorial", Nodes: All, Role: "read",
			Summary: "The chain, as nodes get it from each other",
			About: "With `Accept: application/x-ndjson` a line for each block: that, with `from`, `limit` and `wait`, is how followers keep up. " +
				"A follower that is asked for JSON pulls from an upstream first; where none has good blocks, it answers with what it has, under `old chain`.",
			Query: slices.Concat(part, []*Parameter{{Name: "wait", Schema: duration("Wait so long for the block `from`, where it is the next; up to `30s`.")}}), Headers: []*Parameter{withChain, withBlock, withTag},
			Answers: []Answer{answers(http.StatusOK, "The chain.",
				anyOf("", object("", must("message", oneOf([]string{"Smart chain update by bpsc"}, "")), must("smart chain", listOf(named("Block"), "Oldest first.")), must("length", integer("Of the whole chain.").from(1))),
					object("Of a follower that could not pull.", must("message", oneOf([]string{"Unsuccessful: Please try again"}, "")), must("old chain", listOf(named("Block"), "What it has.")), must("length", integer("Of that.").from(1)))),
				append([]string{"Vary", protocol.ChainLength}, ofTagged...)...).or(typeLines, text("A `Block` a line.")), unchangedLines},
			Codes: slices.Concat(ofRole, ofContract, ofFreshness, ofRelay, []string{"not_found"})},
		{ID: "registerNodes", Method: http.MethodPost, Path: "/nodes/register", Tag: "Tutorial", Nodes: All, Role: "submit",
			Summary: "Add nodes to the directory", About: "A set of host:port. On a member the cluster has it; on a follower that node alone.",
			Body:    bodyOf(named("NodesAsked"), ""),
			Answers: []Answer{answers(http.StatusCreated, "They are in it.", named("NodesAdded"))},
			Codes:   slices.Concat(ofRole, ofSite, ofBody, ofOrder, []string{"node_invalid"})},
		{ID: "addInformation", Method: http.MethodPost, Path: "/information/new", Tag: "Personal chain", Nodes: Follower, Role: "submit",
			Summary: "Add information to the follower's own chain", About: "Any JSON; it is in the block that `GET /mine` forges next.",
			Body:    bodyOf(object("", must("information", &Schema{Description: "Any JSON."})), ""),
			Answers: []Answer{answers(http.StatusCreated, "It will be in that block.", object("", must("message", text("`information will be added to Block N`."))))},
			Codes:   slices.Concat(ofRole, ofSite, ofBody, []string{"missing_values", "personal_full"})},
		{ID: "personalChain", Method: http.MethodGet, Path: "/chain2", Tag: "Personal chain", Nodes: Follower, Role: "read",
			Summary: "The follower's own chain", Query: ofAPart,
			Answers: []Answer{answers(http.StatusOK, "The chain.", object("", must("chain2", listOf(named("PersonalBlock"), "Oldest first.")), must("length", count("Of the whole chain."))), "Cache-Control")},
			Codes:   slices.Concat(ofRole, []string{"not_found"})},
	}
}

// unchangedLines is unchanged where lines may have been asked for.
var unchangedLines = Answer{Status: 304, About: unchanged.About, Headers: []string{"ETag", "Cache-Control", "Vary", protocol.ChainLength, protocol.AppliedIndex, protocol.LastContact}}
