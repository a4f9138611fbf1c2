package openapi

import (
	"net/http"
	"slices"
)

func chainOperations() []Operation {
	read := slices.Concat(ofRole, ofContract, ofFreshness)
	tag := []*Parameter{withChain, withBlock, withTag}
	ofToken := slices.Concat(ofAge, []*Parameter{byChain})
	return []Operation{
		{ID: "block", Method: http.MethodGet, Path: "/v1/blocks/{index}", Tag: "Blocks", Nodes: All, Role: "read",
			Summary: "A block, byte for byte", About: "The canonical bytes and nothing else: `sha256sum` prints the hash that the next block carries.",
			InPath: []*Parameter{inPath("index", integer("Its index, from 1.").from(0))}, Query: slices.Concat(aboutAChain, ofAge), Headers: tag,
			Answers: []Answer{answers(http.StatusOK, "The block.", named("Block"), ofTagged...), unchanged},
			Codes:   slices.Concat(read, []string{"not_found"})},
		{ID: "blocks", Method: http.MethodGet, Path: "/v1/blocks", Tag: "Blocks", Nodes: All, Role: "read",
			Summary: "Blocks, a page at a time", About: "Oldest first. A page with `next` never changes, where `limit` was said.",
			Query: slices.Concat(aboutAChain, ofAge, []*Parameter{fromBlock, ofPage}), Headers: tag,
			Answers: []Answer{answers(http.StatusOK, "A page of them.", object("", must("items", listOf(named("Block"), "")), may("next", integer("Send it as `from` for the next page; none: there is no more yet.").from(1))), ofTagged...), unchanged},
			Codes:   slices.Concat(read, []string{"not_found"})},
		{ID: "contracts", Method: http.MethodGet, Path: "/v1/contracts", Tag: "Contracts", Nodes: All, Role: "read",
			Summary: "All contracts", About: "In the order in which they were created; the first is the default.", Query: ofAge, Headers: []*Parameter{withBlock},
			Answers: []Answer{answers(http.StatusOK, "The contracts.", object("", must("items", listOf(named("ContractState"), ""))), ofRead...)},
			Codes:   read},
		{ID: "createContract", Method: http.MethodPost, Path: "/v1/contracts", Tag: "Contracts", Nodes: Member, Role: "operate",
			Summary: "Create a contract", About: "It is fixed for ever, and its chain begins. Where the answer is 504, look before asking again.",
			Body:    bodyOf(named("ContractAsked"), ""),
			Answers: []Answer{answers(http.StatusCreated, "Its chain has begun.", named("ContractState"), "Location")},
			Codes: slices.Concat(ofRole, ofSite, ofMember, ofBody, ofOrder, ofAudit, []string{"no_contract", "contract_invalid", "contract_exists", "contracts_full", "schedules_full",
				"address_invalid", "amount_invalid", "amount_not_positive", "amount_too_precise", "amount_too_large", "name_too_long", "name_empty"})},
		{ID: "contract", Method: http.MethodGet, Path: "/v1/contracts/{token}", Tag: "Contracts", Nodes: All, Role: "read",
			Summary: "A contract, and where its chain stands", InPath: []*Parameter{pathToken}, Query: ofToken, Headers: []*Parameter{withChain, withBlock},
			Answers: []Answer{answers(http.StatusOK, "The contract.", named("ContractState"), ofRead...)},
			Codes:   read},
		{ID: "checkpoint", Method: http.MethodGet, Path: "/v1/contracts/{token}/checkpoint", Tag: "Evidence", Nodes: All, Role: "read",
			Summary: "The newest signed checkpoint", About: "A signed note over the log of the chain's headers (c2sp.org/tlog-checkpoint), cosigned by as many members as the policy asks for.",
			InPath: []*Parameter{pathToken}, Query: slices.Concat(ofToken, []*Parameter{{Name: "size", Schema: integer("Wait for one that covers so many blocks.").from(1)}}), Headers: tag,
			Answers: []Answer{texts(http.StatusOK, "The note.", ofTagged...), unchanged},
			Codes:   slices.Concat(read, []string{"not_found"})},
		{ID: "tile", Method: http.MethodGet, Path: "/v1/contracts/{token}/tile/{tile}", Tag: "Evidence", Nodes: All, Role: "read", Slashes: true,
			Summary: "A tile of the log of headers", About: "After c2sp.org/tlog-tiles: `0/000`, `0/x001/067`, `entries/000.p/7`. The slashes stand in the address as they are.",
			InPath: []*Parameter{pathToken, inPath("tile", text("Level and index; of a partial tile its width."))}, Query: ofToken, Headers: tag,
			Answers: []Answer{{Status: http.StatusOK, About: "Its hashes, or its entries.", Headers: ofTagged, Content: []Content{{typeBytes, &Schema{Type: "string", Format: "binary"}}}}, unchanged},
			Codes:   slices.Concat(read, []string{"tile_path_malformed", "tile_missing", "not_found", "does_not_verify"})},
		{ID: "policy", Method: http.MethodGet, Path: "/v1/policy", Tag: "Evidence", Nodes: All, Role: "read",
			Summary: "Whose signatures count for a chain", About: "As this node knows it (c2sp.org/tlog-policy): compare it with a copy from somebody whom you trust.",
			Query: slices.Concat(aboutAChain, ofAge), Headers: tag,
			Answers: []Answer{texts(http.StatusOK, "The policy.", ofTagged...), unchanged},
			Codes:   slices.Concat(read, []string{"not_found"})},
		{ID: "policies", Method: http.MethodGet, Path: "/v1/policies", Tag: "Evidence", Nodes: All, Role: "read",
			Summary: "Who has been signing for a chain", About: "From the policy of a number on, with what the members before signed of each change.",
			Query: slices.Concat(aboutAChain, ofAge, []*Parameter{{Name: "from", Schema: integer("The number of the first.").from(1).byDefault(1)}}), Headers: tag,
			Answers: []Answer{texts(http.StatusOK, "The policies.", ofTagged...), unchanged},
			Codes:   slices.Concat(read, []string{"not_found"})},
		{ID: "events", Method: http.MethodGet, Path: "/v1/events", Tag: "Events", Nodes: All, Role: "read",
			Summary: "Records and blocks as they come",
			About: "Server-sent events: for each block a `record` for each of its records, then a `block`. It begins after `Last-Event-ID`, with the block `from`, or with the next there will be. " +
				"Nothing is dropped: who was cut off goes on where it was, on any node. Browsers send `Last-Event-ID` by themselves.",
			Query:   slices.Concat(aboutAChain, ofAge, []*Parameter{{Name: "from", Schema: integer("The first block.").from(1)}, {Name: "only", Schema: oneOf([]string{"blocks", "records"}, "Events of one kind only.")}}),
			Headers: []*Parameter{withChain, withBlock, lastEvent},
			Answers: []Answer{{Status: http.StatusOK, About: "The stream; it does not end by itself.", Headers: append([]string{"Cache-Control", "X-Accel-Buffering"}, ofRead...),
				Content: []Content{{typeEvents, text("`event: record` has `{block, position, record}` as its data, `event: block` a block's header with `hash` and the number of its `transactions`.")}}}},
			Codes: slices.Concat(read, ofCursor, []string{"not_found"})},
		{ID: "nodes", Method: http.MethodGet, Path: "/v1/nodes", Tag: "Nodes", Nodes: All, Role: "read",
			Summary: "The directory of nodes", Query: slices.Concat(ofAge, []*Parameter{{Name: "limit", Schema: integer("So many at most.").from(1).to(100).byDefault(100)}, afterPage}), Headers: []*Parameter{withBlock},
			Answers: []Answer{answers(http.StatusOK, "A page of it.", named("NodeList"), ofRead...)},
			Codes:   read},
		{ID: "removeNode", Method: http.MethodDelete, Path: "/v1/nodes/{node}", Tag: "Nodes", Nodes: All, Role: "operate",
			Summary: "Take a node off the directory", InPath: []*Parameter{inPath("node", text("host:port, or a host for all its ports."))},
			Answers: []Answer{{Status: http.StatusNoContent, About: "It is not in it any more."}},
			Codes:   slices.Concat(ofRole, ofSite, ofOrder, ofAudit, []string{"node_invalid", "not_found"})},
	}
}
