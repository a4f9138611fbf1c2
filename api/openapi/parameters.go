package openapi

import "github.com/bpsc/bpsc/internal/protocol"

// Parameters of paths.

func inPath(name string, schema *Schema) *Parameter { return &Parameter{Name: name, Schema: schema} }

func pathID(what string) *Parameter { return inPath("id", hash("The id of "+what+".")) }

var (
	pathAddress = inPath("address", text("A wallet: its address or, in an open contract, its name. Escaped as in any URL: a slash is `%2F`."))
	pathToken   = inPath("token", about("Token", "The contract."))
)

// Parameters of queries. A name that the path does not take is refused with
// `invalid_field`, never dropped.

var (
	byContract = &Parameter{Name: "contract", Schema: about("Token", "Which contract it is about; the default is the node's first. A body may name it instead.")}
	byChain    = &Parameter{Name: "chain", Schema: hash("The id of the chain that is meant: where the contract's is another one, the answer is `chain_other`. An address that names it can be kept for ever.")}

	atConsistency = &Parameter{Name: "consistency", Schema: oneOf([]string{"local", "leader", "linearizable"},
		"How new the answer has to be. `linearizable`: all that was acknowledged anywhere before. `leader`: what the member has that believes to lead. "+
			"`local`: what this node has. A follower answers `local` only. The default is `linearizable` for what changes, `local` for what never does.")}
	atIndex = &Parameter{Name: "min_index", Schema: integer("Wait until this member has applied the entry of that index: the `applied_index` of an earlier answer. Members only.").from(1)}
	atBlock = &Parameter{Name: "min_block", Schema: integer("Wait until this node has that block: `" + protocol.MinBlock + "` of an earlier answer. On any node.").from(1)}

	fromBlock = &Parameter{Name: "from", Schema: integer("Index of the first block.").from(1).byDefault(1)}
	ofBlocks  = &Parameter{Name: "limit", Schema: integer("So many blocks at most; the default is all.").from(1)}
	ofPage    = &Parameter{Name: "limit", Schema: integer("So many items at most.").from(1).to(1000).byDefault(100)}
	afterPage = &Parameter{Name: "after", Schema: text("Where the page begins: `next` of the page before, as it came.")}

	asOfBlock = &Parameter{Name: "at_block", Schema: integer("As it was at the end of that block.").from(1)}
	asOfTime  = &Parameter{Name: "at", Schema: text("As it was at that time: unix seconds with up to six places, or as RFC 3339 has it. Not together with `at_block`.")}
)

var (
	aboutAChain = []*Parameter{byContract, byChain}
	ofAge       = []*Parameter{atConsistency, atIndex, atBlock}
	asOf        = []*Parameter{asOfBlock, asOfTime}
	ofAPart     = []*Parameter{fromBlock, ofBlocks}
)

func duration(doc string) *Schema {
	s := text(doc)
	s.Pattern = "^([0-9.]+(ns|us|µs|ms|s|m|h))+$|^0$"
	return s
}

// Headers of requests.

var (
	withKey   = &Parameter{Name: protocol.IdempotencyKey, Schema: text("Names one transaction of an open contract: sent again under the same key it happens once, and gets the first answer. Of a signed contract the id does that by itself.").atMost(256)}
	withChain = &Parameter{Name: protocol.Chain, Schema: hash("As `chain` in the query.")}
	withBlock = &Parameter{Name: protocol.MinBlock, Schema: integer("As `min_block` in the query, and obeyed where the answer would not be linearizable anyway.").from(1)}
	withTag   = &Parameter{Name: "If-None-Match", Schema: text("Tags of answers that the client has.")}
	lastEvent = &Parameter{Name: "Last-Event-ID", Schema: text("The id of the last event that the client got: the stream goes on after it.")}
)

// answerHeaders are the headers of answers, by their names.
var answerHeaders = members{
	{protocol.RequestID, text("Names the request, in logs and problems: the client's own, where it sent one of up to 64 letters, digits, `-_.:`.")},
	{"ETag", text("Names these bytes. Send it back as `If-None-Match`.")},
	{"Cache-Control", text("`immutable` where the address names the chain and the answer never changes, `no-cache` where it has to be asked for again, `no-store` where it may not be kept.")},
	{"Vary", text("The answer depends on `Accept`.")},
	{"Location", text("Where it can be read again.")},
	{"Retry-After", integer("Seconds after which the same request may succeed.").from(1)},
	{"WWW-Authenticate", text("What kind of token would help (RFC 6750).")},
	{"Content-Disposition", text("The name for a file of it.")},
	{"X-Accel-Buffering", text("`no`: a proxy is not to hold events back.")},
	{protocol.IdempotentReplay, oneOf([]string{"true"}, "The transaction was in the ledger already: this is its first answer.")},
	{protocol.AppliedIndex, count("How far this member was when it answered: the index of the last entry that it has applied. 0 on a follower.")},
	{protocol.LastContact, count("Milliseconds since this node heard of the newest state.")},
	{protocol.MinBlock, integer("The block that has, or will have, the record. Sent back with a read, on any node, no older answer comes.").from(1)},
	{protocol.ChainLength, integer("How many blocks the chain has. Left out where all that were asked for are there: then the answer never changes.").from(1)},
	{protocol.Relayed, oneOf([]string{"true"}, "The answer is a member's, as it came: the follower has not verified it.")},
}

// Headers that answers of one kind have.
var (
	ofRead    = []string{protocol.AppliedIndex, protocol.LastContact}
	ofTagged  = []string{"ETag", "Cache-Control", protocol.AppliedIndex, protocol.LastContact}
	ofProblem = []string{"Cache-Control"}
	// ofEither are set before a read is known to succeed, so its problems have them, too.
	ofEither = []string{protocol.AppliedIndex, protocol.LastContact, protocol.Relayed}
)
