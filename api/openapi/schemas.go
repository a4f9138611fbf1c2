package openapi

import (
	"strings"

	"github.com/bpsc/bpsc/chain"
)

func hash(doc string) *Schema { return about("Hash", doc) }

// amount is what comes out: a number of tokens to the last of its places.
func amount(doc string) *Schema { return about("Amount", doc) }

// asked is what goes in.
func asked(doc string) *Schema { return about("AmountAsked", doc) }

func seconds(doc string) *Schema { return count(doc + " In unix seconds.") }

func timestamp(doc string) *Schema {
	return number(doc + " In unix seconds with up to six places.").from(0)
}

var appliedIndex = count("The index in the members' log at which it was answered: send it as `min_index` to read what you wrote. A follower leaves it out.")

var kinds = []string{string(chain.Transfer), string(chain.Hold), string(chain.Delivery), string(chain.Refund), string(chain.Issue),
	string(chain.Rules), string(chain.Spend), string(chain.Burn), string(chain.Recovery)}

// ended are the ways in which a hold is resolved.
var ended = []string{string(chain.HoldDelivered), string(chain.HoldRejected), string(chain.HoldHasExpired), string(chain.HoldRefunded)}

var reasons = "`rejected`, `expired`, `closed`, `frozen` or `recipient_limit`"

// schemas are the components, in the order in which they stand in the document.
func schemas(problems []Problem) members {
	var all members
	add := func(name string, s *Schema) { all.set(name, s) }
	add("Problem", problem())
	add("Code", codes(problems))
	for _, group := range []func(add func(string, *Schema)){valueSchemas, recordSchemas, transactionSchemas, contractSchemas, accountSchemas, clusterSchemas, tokenSchemas, nodeSchemas} {
		group(add)
	}
	return all
}

func valueSchemas(add func(string, *Schema)) {
	add("Hash", hexOf(64, "A SHA-256, or a key, in lower-case hex."))
	token := text("The name of a contract's token, which is that of the contract.")
	token.Pattern, token.MinLength, token.MaxLength = "^[a-z0-9-]*$", 1, chain.MaxTokenBytes
	add("Token", token)
	add("Amount", number("Tokens, with as many decimal places as the contract has. No more than 15 digits, so a double holds it exactly.").
		from(-int64(chain.MaxUnits)).to(int64(chain.MaxUnits)))
	add("AmountAsked", &Schema{Description: "Tokens: a number, or a text that holds one. It is read as a decimal, never through a double. More places than the contract has are refused.",
		AnyOf: []*Schema{number("").from(0).to(int64(chain.MaxUnits)), {Type: "string", Pattern: `^\+?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?$`}}})
	add("Moment", object("As of when an answer is: the end of a block.",
		must("block", count("Index of the block.")), must("hash", hash("Its hash.")), must("timestamp", timestamp("Its timestamp."))))
}

func recordSchemas(add func(string, *Schema)) {
	signed := "In a signed contract: "
	add("Record", object("What the ledger decided, as it stands in a block. Which members it has depends on its kind; hash its canonical text, not what a parser made of it.",
		may("kind", oneOf(kinds, "What it is. A transfer may have become a `hold` or a `refund`; the tutorial's own records have none.")),
		may("id", hash("Of the transaction that it is of.")),
		must("sender", text("Whose tokens they were, or who asked.")),
		may("recipient", text("Who gets them.")),
		may("bpsc", text("The BPSC's own wallet, which keeps the fee.")),
		may("amount", amount("Of `issue`, `spend` and `burn`.")),
		may("amount_send", amount("What leaves the sender: of `transfer`, `delivery` and `hold`.")),
		may("amount_bpsc", amount("The fee: of `transfer` and `delivery`.")),
		may("amount_receive", amount("What the recipient gets: of `transfer` and `delivery`.")),
		may("amount_refund", amount("All that was sent, fee included: of `refund`.")),
		may("memo", text("What the sender wrote to it.").atMost(chain.MaxMemoBytes)),
		may("reason", text("Of `refund`: "+reasons+". Of `recovery`: in the words of who did it.")),
		may("hold", hash("Of `delivery` and `refund`: the hold that it ends.")),
		may("hold_until", seconds("Of `hold`: at that moment it goes back.")),
		may("request", text("What was asked for, where that was not `kind`.")),
		may("receive", oneOf([]string{"auto", "approve", "closed"}, "Of `rules`: how the wallet takes what is sent to it.")),
		may("per_transfer", amount("Of `rules`: the most that the wallet sends at once; 0 for no limit.")),
		may("per_day", amount("Of `rules`: the most that it sends in a UTC day; 0 for no limit.")),
		may("new_key", hash("Of `rules`: the public key whose signature counts from now on.")),
		may("account", text("Of a freeze, which is of kind `rules`: whose wallet.")),
		may("frozen", flag("Of a freeze: whether it is frozen from now on.")),
		may("members_before", text("Of `recovery`: who the members were.")),
		may("members_after", text("Of `recovery`: who they are.")),
		may("time", timestamp(signed+"when it was decided.")),
		may("expires", seconds(signed+"when the transaction expired.")),
		may("nonce", hexOf(32, signed+"drawn by the sender.")),
		may("public_key", hash(signed+"whose signature it is.")),
		may("signature", hexOf(128, signed+"Ed25519 over the signed bytes."))))

	add("Totals", object("Sums over the whole chain: all balances, what is held and what was burned are what was issued.",
		must("issued", amount("Created so far.")), must("burned", amount("Destroyed so far.")),
		must("fees", amount("In the BPSC's wallet.")), must("held", amount("In escrow for holds."))))

	add("Block", object("A block. Its hash is the SHA-256 of the bytes that `GET /v1/blocks/{index}` sends.",
		must("index", integer("From 1.").from(1)),
		must("previous_hash", text("The hash of the block before; `1` in the first.")),
		must("timestamp", timestamp("When it was produced.")),
		must("transactions", listOf(named("Record"), "Its records, in order.")),
		may("transactions_root", hash("Merkle root over the canonical texts of its records (RFC 6962).")),
		may("totals", named("Totals")),
		may("trigger", oneOf([]string{string(chain.ByGenesis), string(chain.ByTime), string(chain.ByCount), string(chain.BySize), string(chain.ByRequest)}, "Why it was produced.")),
		may("contract", about("Contract", "In the first block only."))))

	add("PersonalBlock", object("A block of a follower's own chain.",
		must("index2", integer("From 1.").from(1)),
		must("information", listOf(object("", must("information", &Schema{Description: "Any JSON."})), "What was added to it.")),
		must("previous_hash", text("The hash of the block before; `1` in the first.")),
		must("timestamp", timestamp("When it was forged."))))
}

// askedKinds are the kinds of signed transactions.
var askedKinds = []chain.Kind{chain.Transfer, chain.Hold, chain.Accept, chain.Reject, chain.Rules, chain.Issue, chain.Spend, chain.Burn}

// askedFields are the fields that somebody may ask for, in the order in which they are told.
var askedFields = []struct {
	field  chain.Field
	schema *Schema
}{
	{chain.FieldKind, nil}, // its own name
	{chain.FieldSender, text("Who asks: the address that signs.")},
	{chain.FieldRecipient, text("The address that gets it.")},
	{chain.FieldAmount, asked("How much.")},
	{chain.FieldHold, hash("The id of the hold.")},
	{chain.FieldHoldUntil, seconds("When the hold goes back, if nobody has decided; at most 90 days ahead.")},
	{chain.FieldMemo, text("A text that stands in the record.").atMost(chain.MaxMemoBytes)},
	{chain.FieldReceive, oneOf([]string{"auto", "approve", "closed"}, "How the wallet takes what is sent to it.")},
	{chain.FieldPerTransfer, asked("The most that the wallet sends at once; 0 for no limit.")},
	{chain.FieldPerDay, asked("The most that it sends in a UTC day; 0 for no limit.")},
	{chain.FieldNewKey, hash("The public key whose signature is to count from then on.")},
	{chain.FieldAccount, text("Of a freeze, by the issuer: whose wallet. Together with `frozen`, and nothing else.")},
	{chain.FieldFrozen, flag("Of a freeze: whether it is frozen.")},
	{chain.FieldExpires, seconds("When it is too late to apply it; at most 24 hours ahead of the chain's time.")},
	{chain.FieldNonce, hexOf(32, "Drawn at random, so that the same transfer can be asked for twice.")},
	{chain.FieldPublicKey, hash("The sender's public key, Ed25519.")},
	{chain.FieldSignature, hexOf(128, "Over the line `bpsc/tx/v1` and the canonical JSON of `chain` (the chain's id) and of all other fields but `public_key` and `signature`.")},
}

// signedTransaction is what is asked for of a kind.
func signedTransaction(kind chain.Kind, more ...property) *Schema {
	needs, takes := kind.Asks()
	var fields []property
	for _, f := range askedFields {
		schema := f.schema
		if schema == nil {
			schema = &Schema{Type: "string", Const: string(kind)}
		}
		switch {
		case f.field == chain.FieldKind && kind == chain.Transfer:
			fields = append(fields, transferKind)
		case needs.Has(f.field):
			fields = append(fields, must(f.field.String(), schema))
		case takes.Has(f.field):
			fields = append(fields, may(f.field.String(), schema))
		}
	}
	return closed("", append(fields, more...)...)
}

// nameOf is that of the schema of a kind.
func nameOf(kind chain.Kind) string {
	return "Signed" + strings.ToUpper(string(kind[:1])) + string(kind[1:])
}

var inContract = may("contract", &Schema{Type: []string{"string", "null"}, Description: "Which contract it is about; the default is the node's first."})

// transferKind is what may be left out of a transfer.
var transferKind = may("kind", &Schema{Type: []string{"string", "null"}, Description: "A transfer, where it is left out.", Pattern: "^" + string(chain.Transfer) + "$"})

// openTransfer is what the sender of an open contract asks for.
func openTransfer() []property {
	return []property{
		must("sender", text("Whose tokens.").atMost(chain.MaxNameBytes)),
		must("recipient", text("Who gets them.").atMost(chain.MaxNameBytes)),
		must("amount", asked("How much the sender gives; the fee is taken of it.")),
		may("memo", &Schema{Type: []string{"string", "null"}, Description: "A text that stands in the record.", MaxLength: chain.MaxMemoBytes}),
		transferKind,
	}
}

func transactionSchemas(add func(string, *Schema)) {
	add("OpenTransfer", closed("A transfer in an open contract.", append(openTransfer(), inContract)...))
	whats := map[chain.Kind]string{
		chain.Transfer: "A transfer in a signed contract.",
		chain.Hold:     "Tokens that wait for the recipient's word.",
		chain.Accept:   "The recipient takes a hold.",
		chain.Reject:   "The recipient sends a hold back.",
		chain.Rules:    "The owner's rules for a wallet, or a freeze by the issuer.",
		chain.Issue:    "The issuer creates tokens.",
		chain.Spend:    "The treasurer pays held fees to somebody.",
		chain.Burn:     "The treasurer destroys held fees.",
	}
	one := &Schema{Description: "A transaction. Which form it has depends on the contract's wallets and on its kind."}
	one.AnyOf = append(one.AnyOf, named("OpenTransfer"))
	for _, kind := range askedKinds {
		s := signedTransaction(kind, inContract)
		s.Description = whats[kind]
		add(nameOf(kind), s)
		one.AnyOf = append(one.AnyOf, named(nameOf(kind)))
	}
	add("Transaction", one)

	item := &Schema{Description: "A transaction of a batch: as alone, but for its contract, and with its own `key` in an open contract."}
	key := may("key", &Schema{Type: []string{"string", "null"}, Description: "Its idempotency key.", MaxLength: chain.MaxKeyBytes})
	item.AnyOf = append(item.AnyOf, closed("", append(openTransfer(), key)...))
	for _, kind := range askedKinds {
		item.AnyOf = append(item.AnyOf, signedTransaction(kind))
	}
	add("BatchItem", item)

	decided := []property{
		must("id", hash("Of the transaction.")),
		must("status", oneOf([]string{"final", "pending"}, "`final`: it never changes. `pending`: a hold that nobody has decided.")),
		must("kind", oneOf(kinds, "What it has become: a transfer may have become a `hold` or a `refund`.")),
		may("reason", text("Why it came back: "+reasons+".")),
		may("hold_until", seconds("Of a hold: when it goes back.")),
		may("resolved", oneOf(ended, "How the hold was resolved, where it was.")),
		must("contract", about("Token", "Of which contract.")),
		must("block", integer("The block that has its record, or will have it.").from(1)),
		must("position", count("Its place in that block, from 0.")),
		must("record", named("Record")),
		may("applied_index", appliedIndex),
	}
	add("Decided", object("What was decided about a transaction. It is on the disks of a majority of the members.", decided...))
	add("Found", object("What was decided about a transaction, and whether it is in a block.",
		append(decided, must("in_block", flag("Its block is there.")))...))
	add("Refused", object("The ledger refused the transaction for good: nothing moved.",
		must("id", hash("Of the transaction.")), must("contract", about("Token", "Of which contract.")),
		must("status", oneOf([]string{"refused"}, "")), must("code", about("Code", "Why.")), must("detail", text("Why, in words."))))
	add("Expired", object("The transaction is not there, and can no longer come.",
		must("id", hash("Of the transaction.")), must("contract", about("Token", "Of which contract.")),
		must("status", oneOf([]string{"expired"}, ""))))
	add("Moved", object("What the tutorial's programs are told about a transfer, and what else is known of it.", moved(text("`Transaction will be added to Block N`."))...))
	add("MovedAndForged", object("The transfer completed its block: what the tutorial's programs are told about that, and about the transfer.",
		append(moved(oneOf([]string{"New Block Forged"}, "")), must("index", integer("Of the block.").from(1)),
			must("transactions", listOf(named("Record"), "Its records.")), must("previous_hash", text("The hash of the block before.")))...))
	add("Forged", object("A block was produced.",
		must("message", oneOf([]string{"New Block Forged"}, "")), must("index", integer("Of the block.").from(1)),
		must("transactions", listOf(named("Record"), "Its records.")), must("previous_hash", text("The hash of the block before."))))
	add("ForgedPersonal", object("A block of the follower's own chain was forged.",
		must("message", oneOf([]string{"New Block Forged"}, "")), must("index2", integer("Of the block.").from(1)),
		must("information", listOf(object("", must("information", &Schema{Description: "Any JSON."})), "What was added to it.")),
		must("previous_hash", text("The hash of the block before."))))
	add("BatchResult", object("What became of one transaction of a batch.",
		may("id", hash("Of the transaction; none where it was refused before it had one.")),
		must("status", oneOf([]string{"final", "pending", "refused", "not_applied", "unknown"},
			"`not_applied`: it did not happen, and may be sent again. `unknown`: it may have happened; send the same again.")),
		may("kind", oneOf(kinds, "What it has become.")),
		may("reason", text("Why it came back: "+reasons+".")),
		may("hold_until", seconds("Of a hold: when it goes back.")),
		may("resolved", oneOf(ended, "How the hold was resolved, where it was.")),
		may("block", integer("The block that has its record, or will have it.").from(1)),
		may("position", count("Its place in that block.")),
		may("replay", flag("It was in the ledger already.")),
		may("code", about("Code", "Why it was refused, or not applied.")),
		may("detail", text("The same in words.")),
		may("retryable", flag("It may be sent again as it is.")),
		may("key", text("The key that was drawn for it, to send it again under."))))
	add("BatchAnswer", object("What became of a batch.",
		must("results", listOf(named("BatchResult"), "One for each transaction, in their order.")),
		may("chain_time", seconds("The chain's time, where one was refused for its own."))))
}

func moved(message *Schema) []property {
	return []property{
		must("message", message),
		must("id", hash("Of the transaction.")),
		may("status", oneOf([]string{"final", "pending"}, "In a signed contract: `pending` is a hold that nobody has decided.")),
		may("kind", oneOf(kinds, "In a signed contract: what it has become.")),
		may("reason", text("Why it came back: "+reasons+".")),
		may("hold_until", seconds("Of a hold: when it goes back.")),
		may("resolved", oneOf(ended, "How the hold was resolved, where it was.")),
		must("block", integer("The block that has its record, or will have it.").from(1)),
		must("position", count("Its place in that block.")),
		may("amount", amount("Of `issue`, `spend` and `burn`.")),
		may("amount_send", amount("What left the sender.")),
		may("amount_bpsc", amount("The fee.")),
		may("amount_receive", amount("What the recipient got.")),
		may("amount_refund", amount("What came back.")),
		must("applied_index", appliedIndex),
	}
}
