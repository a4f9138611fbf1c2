package openapi

import "github.com/bpsc/bpsc/chain"

// What a node has, and how it is.

func contractSchemas(add func(string, *Schema)) {
	span := func(doc string) *Schema {
		return anyOf(doc, number("Seconds.").from(0), &Schema{Type: "string", Description: "As `1m30s`."})
	}
	add("ContractAsked", closed("What a contract is to be. What is not said has its default; nobody can change it afterwards.",
		may("token", about("Token", "Its name; the default is `aka`.")),
		may("decimals", integer("Places that an amount may have.").from(0).to(chain.MaxDecimals).byDefault(6)),
		may("wallets", oneOf([]string{"signed", "open"}, "`open`: wallets are names, nothing is signed, balances may go below zero; for trying out. `signed`: they are addresses of keys.").byDefault("signed")),
		may("fee_ppm", integer("The fee, in millionths of the amount.").from(0).to(chain.MaxPPM).byDefault(50)),
		may("fees", oneOf([]string{"hold", "burn"}, "What becomes of fees.").byDefault("hold")),
		may("bpsc", text("The BPSC's own wallet.")),
		may("issuer", text("Who owns the supply, and may create more where `mintable` says so.")),
		may("supply", asked("Tokens that there are from the beginning; they are the issuer's.")),
		may("mintable", flag("May the issuer create more later.").byDefault(false)),
		may("freezable", flag("May the issuer freeze a wallet.").byDefault(false)),
		may("treasurer", text("Who may spend or burn the fees that are held.")),
		may("schedule", closed("When blocks are produced without being asked for; with neither `every` nor `transactions`, never.",
			may("every", span("How long after the block before.")),
			may("transactions", integer("How many records a block has.").from(0).to(chain.MaxBlockRecords)),
			may("empty", flag("Produce a block on time even with no records.").byDefault(true)))),
		may("on_request", flag("May a block be produced at any time, empty ones too.").byDefault(true)),
		may("hold_for", span("Signed contracts: how long a delivery waits for a recipient who approves each; 7 days.")),
		may("loosening_delay", span("Signed contracts: before a wallet's loosened limit takes effect; a day."))))

	add("Contract", object("The parameters of a contract, as they stand in its first block. Nobody can change them.",
		must("token", named("Token")), must("decimals", integer("Places that an amount may have.").from(0).to(chain.MaxDecimals)),
		must("wallets", oneOf([]string{"signed", "open"}, "`open`: wallets are names and nothing is signed. `signed`: they are addresses of keys.")),
		must("fee_ppm", count("The fee, in millionths of the amount.")),
		must("fees", oneOf([]string{"hold", "burn"}, "What becomes of fees.")),
		must("bpsc", text("The BPSC's own wallet.")),
		may("issuer", text("Who owns the supply.")), may("supply", amount("Tokens that there were from the beginning.")),
		must("mintable", flag("May the issuer create more.")), must("freezable", flag("May the issuer freeze a wallet.")),
		may("treasurer", text("Who may spend or burn fees.")),
		must("schedule", object("When blocks are produced without being asked for.",
			may("every", number("Seconds after the block before.")), may("transactions", integer("Records in a block.").from(1)),
			must("empty", flag("Also when there are no records.")))),
		must("on_request", flag("May a block be produced at any time.")),
		may("hold_for", number("Signed contracts: seconds that a delivery waits for a recipient who approves each.")),
		may("loosening_delay", number("Signed contracts: seconds before a loosened limit takes effect."))))

	add("ContractState", object("A contract, and where its chain stands. Only the contract where this node has not seen the chain begin.",
		must("token", named("Token")), must("contract", named("Contract")),
		may("time", timestamp("The chain's time; a follower does not know it.")),
		may("chain_id", hash("The id of its chain: the hash of its first block.")),
		may("length", integer("How many blocks there are.").from(1)),
		may("tip", hash("The hash of the newest.")), may("tip_timestamp", timestamp("Its timestamp.")),
		may("next_block_at", timestamp("When the next block is due by the schedule's time.")),
		may("records", count("Records in all, those that wait for a block included.")),
		may("pending", count("Final records that no block holds yet.")),
		may("open_holds", count("Holds that nobody has decided.")),
		may("totals", named("Totals"))))
}

func accountSchemas(add func(string, *Schema)) {
	add("Account", object("A wallet. One that was never used has nothing.",
		must("address", text("Its address, or its name.")), must("contract", about("Token", "Of which contract.")),
		must("balance", amount("What is in it.")), must("records", count("Records that changed it.")),
		may("receive", oneOf([]string{"auto", "approve", "closed"}, "In a signed contract: how it takes what is sent to it.")),
		may("frozen", flag("In a signed contract: by the issuer; nothing goes in or out.")),
		may("per_transfer", amount("The most that it sends at once.")),
		may("per_transfer_next", amount("A looser limit that is on its way; 0 for none.")),
		may("per_transfer_next_at", timestamp("When it takes effect.")),
		may("per_day", amount("The most that it sends in a UTC day.")),
		may("per_day_next", amount("A looser limit that is on its way; 0 for none.")),
		may("per_day_next_at", timestamp("When it takes effect.")),
		may("key", hash("The public key whose signature counts, where it is not the address's.")),
		may("as_of", about("Moment", "Of an answer about the past.")), may("applied_index", appliedIndex)))

	hold := []property{
		must("id", hash("Of the hold, and of the transaction that became it.")), must("contract", about("Token", "Of which contract.")),
		must("status", oneOf(append([]string{"pending"}, ended...), "`pending`, or how it was resolved.")),
		must("sender", text("Whose tokens they were.")), must("recipient", text("Whose word it waits for.")),
		must("amount", amount("How much is in escrow, or was.")), must("hold_until", seconds("When it goes back.")),
		may("as_of", about("Moment", "Of an answer about the past.")),
	}
	add("Hold", object("Tokens that wait for their recipient's word.", append(hold, may("applied_index", appliedIndex))...))
	add("Holds", object("Holds that nobody has decided, the first to expire first.",
		must("items", listOf(named("Hold"), "")), may("next", text("Send it as `after` for the next page; none: there is none.")),
		may("as_of", about("Moment", "Of an answer about the past.")), may("applied_index", appliedIndex)))

	add("HistoryRecord", object("A record of a wallet's history, and where it stands.",
		must("block", integer("The block that has it, or will have it.").from(1)), must("position", count("Its place in that block.")),
		must("in_block", flag("Its block is there.")), must("cursor", text("Its place in the history: for `after` and `before`.")),
		must("record", named("Record"))))
	add("History", object("The records that name a wallet. A page may be short, empty even, and still have `next`.",
		must("items", listOf(named("HistoryRecord"), "")),
		may("next", text("Send it as `after` for what comes next; none: there is no more.")),
		may("prev", text("Send it as `before` for what came before."))))
}

var certificates = listOf(object("A certificate that it shows.", must("use", text("`api` for clients, `member` among members.")), must("not_after", when("Until when it is good."))), "")

func clusterSchemas(add func(string, *Schema)) {
	add("Cluster", object("How the cluster looks from one member.",
		must("id", text("Of the member that answers.")), must("leader", text("Who leads; empty where none is known.")),
		must("term", count("The term.")), may("version", text("Of its bpsc.")),
		must("configuration", count("Index of the entry that made the members those that they are: send it as `at` with a change of them.")),
		must("health", object("What the members say of themselves, taken together.",
			must("summary", text("For people: `3 of 3 healthy, can lose 1`.")), must("voters", count("Who vote.")),
			must("healthy", count("Voters that answer and can serve.")), must("majority", count("How many voters it takes to order anything.")),
			must("can_lose", count("How many of the healthy ones may fail.")))),
		must("members", listOf(named("MemberStatus"), "Every member."))))
	add("ClusterEvents", object("What happened to the cluster, as one member learned of it. The numbers begin anew with each start of it.",
		must("member", text("That answers, and has seen them.")), must("began", when("When it started.")),
		must("items", listOf(object("Something that happened.",
			must("number", integer("From 1.").from(1)), must("time", when("By the clock of that member.")),
			must("kind", text("What it was, for programs: an election, a leader, a member that came or went.")), may("term", count("Of an election or a leader.")),
			may("member", text("That it is about.")), must("text", text("The same as a sentence."))), "The oldest first.")),
		may("next", integer("Send it as `after` for the next page.").from(1))))
	add("MemberStatus", object("A member, as it described itself.",
		must("id", text("Its id.")), may("instance", text("Of its disk; none for one of the first members.")),
		must("voter", flag("It votes.")), may("stays", flag("It is a non-voter for good.")),
		may("replacing", flag("Its replacement is open: an empty folder with its id may join.")),
		may("waits", text("What a non-voter waits for that is to become a voter.")),
		must("raft", text("host:port of its Raft transport.")), must("api", text("URL of its API.")),
		must("role", oneOf([]string{"leader", "follower", "candidate", "unreachable"}, "What it is at the moment.")),
		must("term", count("Its term.")), must("applied", count("The last entry that it has applied.")), must("commit", count("The last that it knows to be committed.")),
		must("last", count("The last of its log.")), must("lag", count("Entries that it has to apply to reach the leader.")),
		must("last_contact_ms", integer("Milliseconds since it last heard the leader.")),
		must("clock_offset_ms", integer("Its clock minus that of a majority, in milliseconds.")),
		may("version", text("Of its bpsc.")), may("level_supported", count("The newest level that it knows.")), may("level_active", count("The level that its state says the cluster is on.")),
		may("unfit", listOf(text(""), "Why it must not lead, if so.")),
		may("no_room", text("Why it takes no writes for want of room on its disk, if so.")), may("disk_free", count("Bytes, on the file system with the least to spare.")),
		may("disk_reserve", count("Bytes of those that should stay free: with less it takes no writes.")),
		must("ready", flag("It can serve.")), may("not_ready", text("Why it cannot.")),
		must("signing", flag("It signs the chains that it has.")), may("not_signing", text("Why it does not.")),
		may("began", when("When it started.")), may("snapshot_index", count("The last entry that its newest snapshot covers.")), may("snapshot_taken", when("When it took that.")),
		may("log_write_p99_ms", number("Of the last 10 to 20 seconds, fsync included.")), may("certificates", certificates),
		may("agreement", object("What it has told of its own state of the chains, beside what others told of theirs at the same size.",
			must("chains", count("Of how many it has told.")), must("compared", count("Of how many another told the same size.")),
			may("differs", listOf(text(""), "Tokens of chains of which it is not with the most.")), may("size", count("How many blocks of the default contract's chain it agrees on with another."))))))

	at := may("at", count("Only if `configuration` is still this."))
	dry := may("dry_run", flag("Say what would happen, and change nothing."))
	two := may("two_voters", flag("Do it although two voters are the result, of which neither may fail."))
	instance := may("instance", text("Only this instance of the member."))
	add("MemberToAdd", closed("A member to add.",
		must("id", text("Its id.")), must("raft", text("host:port of its Raft transport.")),
		may("non_voter", flag("It stays a non-voter.")), two, at, dry))
	add("MemberChange", closed("A change of a member.", instance, two, at, dry))
	add("MemberReplacement", closed("A member that takes another one's place.", instance, may("raft", text("host:port of its Raft transport; the default is that of the old one.")), two, at, dry))
	add("LeaderTransfer", closed("Who is to lead.", may("to", text("The id of a member; the default is whoever can do it best.")), at, dry))
	add("MembersChanged", object("What a change of the members did, or would do.",
		must("index", count("Of the configuration afterwards.")),
		must("steps", listOf(object("What happens, and who votes from then on.",
			must("what", text("In words.")), must("voters", listOf(text(""), "Their ids.")), must("quorum", count("How many voters make a majority.")),
			must("reachable", count("How many voters answer.")), must("can_lose", integer("How many of those may fail."))), "The first is how things were before."))))

	add("LevelAsked", closed("Which level to activate.", may("level", count("The default is the newest that all members know.")), may("dry_run", flag("Change nothing."))))
	add("Activation", object("What an activation came to, or would.",
		must("before", count("The level that was active.")), must("level", count("The one that is, or would be.")),
		must("release", text("The first that knows it: no member can go back behind it.")), must("dry_run", flag("Nothing was changed.")),
		may("applied_index", count("From where on it is active.")),
		must("members", listOf(object("What a member knows.", must("id", text("")), may("version", text("Of its bpsc; none where it does not answer.")), may("level_supported", count("The newest level that it knows."))), ""))))
}

func tokenSchemas(add func(string, *Schema)) {
	role := oneOf([]string{"read", "submit", "operate"}, "")
	add("TokenAsked", closed("What a token is to be good for.",
		must("name", text("For people.").atMost(64)), must("roles", listOf(role, "`operate` includes the others.")),
		may("contract", text("Limit it to one contract.")), may("expires", seconds("When it ends; the default is never."))))
	token := []property{
		must("id", text("What it is called in lists and logs.")), must("name", text("For people.")), must("roles", listOf(role, "What it is good for.")),
		may("contract", about("Token", "The contract that it is limited to.")), must("made", seconds("When it was made.")),
		may("expires", seconds("When it ends.")), may("parent", text("The id of the token that made it.")), may("revoked", seconds("When it was revoked.")),
	}
	add("AccessToken", object("A token, without its text.", token...))
	add("AccessTokenMade", object("A new token. Its text is in this answer only: nobody keeps it.",
		append([]property{must("token", text("Send it as `Authorization: Bearer …`."))}, token...)...))
	add("AccessTokens", object("Tokens, the oldest first.", must("items", listOf(named("AccessToken"), "")), may("next", text("Send it as `after` for the next page."))))
	add("AuditEntry", object("What an operator did.",
		must("number", integer("From 1.").from(1)), must("time", timestamp("When it began.")),
		must("who", oneOf([]string{"local", "root", "token"}, "Somebody on the member's own machine, who knows the operator's secret, or a token.")),
		may("token", text("Its id.")), may("name", text("Its name.")), must("action", text("What, as `members.remove`.")),
		may("subject", text("What it was done to.")), may("from", text("The address of who asked.")),
		may("request_id", text("As in the log of the member.")), may("member", text("That was asked.")),
		may("ended", timestamp("When it ended; none where nobody could note that.")), may("result", text("`ok`, or the code of what went wrong."))))
	add("Audit", object("Operators' actions, the oldest first.", must("items", listOf(named("AuditEntry"), "")), may("next", integer("Send it as `after` for the next page.").from(1))))
}

func nodeSchemas(add func(string, *Schema)) {
	add("NodesAsked", object("Nodes for the directory.",
		must("nodes", listOf(text("A URL, or host:port."), "At most 32."))))
	add("NodesAdded", object("The directory, as far as it is shown.",
		must("message", oneOf([]string{"New nodes have been added"}, "")), must("total_nodes", listOf(text("host:port"), "Sorted; those that were asked for, and the first others.")),
		may("count", count("How many there are, where that is more than are shown.")), may("all", text("Where all of them are."))))
	add("NodeList", object("The directory, sorted.", must("items", listOf(text("host:port"), "")), may("next", text("Send it as `after` for the next page."))))

	add("Diagnostics", object("How a node is, for whoever runs it. Nothing in it is secret.",
		may("id", text("Of a member.")), must("kind", oneOf([]string{"member", "follower"}, "")), must("version", text("")),
		must("built", text("With which Go, for which system.")), must("began", when("When the process began.")), must("now", when("By the clock of its machine.")),
		may("not_ready", text("Why it cannot serve.")),
		must("process", object("The process and its limits.",
			must("pid", count("")), must("cpus", count("")), must("goroutines", count("")), must("heap_bytes", count("")), may("open_files", count("")),
			may("open_file_limit", count("")), may("file_size_limit", count("Bytes.")), may("address_limit", count("Bytes of address space.")))),
		must("disk", object("The file system with the least to spare.",
			must("dir", text("")), must("free_bytes", count("")), must("reserve_bytes", count("What is to stay free.")), must("short", flag("Less is free: no writes are taken.")),
			must("bytes", &Schema{Type: []string{"object", "null"}, Description: "What the node has there: of files and folders.", Additional: count("")}))),
		may("log", object("A member's log and its snapshots.",
			must("file", text("")), must("bytes", count("Of the entries in it.")), must("writes", count("Since the start.")),
			must("write_p50_ms", number("fsync included.")), must("write_p99_ms", number("")), must("write_max_ms", number("")),
			must("snapshots", count("")), may("last_snapshot", when("")), must("heartbeat_ms", number("Silence after which others elect a leader.")))),
		must("chains", listOf(object("A chain, and what members and witnesses have said about it of late.",
			must("token", named("Token")), must("length", count("")), must("tip", hash("")),
			must("attested", &Schema{Type: []string{"array", "null"}, Items: object("", must("who", text("")), must("size", count("How many blocks.")), may("digest", hash("Of its own state at that size.")))})), "The first hundred.")),
		must("settings", &Schema{Type: []string{"object", "null"}, Description: "Without secrets.", Additional: text("")}),
		may("certificates", certificates)))

	add("Sync", object("How a follower keeps up, and what it refused to take.",
		may("version", text("Of its bpsc.")),
		must("chains", listOf(object("How a chain is followed.",
			must("contract", named("Token")), may("chain_id", hash("None: no first block yet.")),
			must("length", count("Blocks that this node has, all verified.")), must("upstream_length", count("And its upstream, as last seen.")),
			must("lag", count("Blocks that are missing here.")), may("behind", when("Since when some are.")),
			must("synced", flag("It had as many as its upstream, once.")), may("last_contact", when("When an upstream last answered well.")),
			must("upstreams", listOf(object("", must("url", text("")), must("current", flag("It is the one that is asked.")), must("length", count("As it said last.")),
				may("set_aside_until", when("It is not asked before.")),
				may("refused", object("What was not taken last.", must("reason", text("")), must("detail", text("")), must("at", when(""))))), "")),
			may("refusals", mapOf(count(""), "Answers that were not taken since the start, by reason.")),
			may("evidence", listOf(text(""), "Names of files that prove somebody dishonest.")),
			must("checkpoint_size", count("Blocks that the newest verified checkpoint covers.")),
			may("signers", listOf(text(""), "Who signed it.")), may("policy", text("Who says whose signatures count.")), may("policy_number", count("")),
			may("recovery", &Schema{Type: "object", Description: "Nothing after it is taken until somebody accepts it.", Additional: &Schema{}})), "")),
		may("hidden", listOf(&Schema{Type: "object", Description: "A contract of an upstream that is not served, since another ledger's of the same name is.", Additional: &Schema{}}, ""))))
}
