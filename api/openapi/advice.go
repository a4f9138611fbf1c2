package openapi

import (
	"maps"
	"net/http"
	"slices"
)

// What to do about a code, where its status does not say all of it.
var advice = map[string]string{
	"missing_values":           "Add the fields that `detail` names and send it again.",
	"invalid_field":            "`detail` names the field or the parameter. One that is not known is refused as well: it may be misspelt, or belong to another path.",
	"invalid_utf8":             "Send UTF-8, and no lone surrogates in `\\u` escapes.",
	"name_too_long":            "A wallet's name has at most 128 bytes.",
	"memo_too_long":            "A memo has at most 256 bytes.",
	"idempotency_key_too_long": "A key has at most 256 bytes; hash a longer one.",
	"amount_invalid":           "Send a number, or a text that holds one: `12.5`.",
	"amount_too_precise":       "An amount has no more places than the contract's `decimals`: see `GET /v1/contracts/{token}`.",
	"amount_too_large":         "An amount has at most 15 digits in base units.",
	"amount_too_small":         "Send more: the fee, which is rounded up, would take all of it.",
	"address_invalid":          "An address begins with `bpsc1` and has a checksum: copy it again. Nobody sends to the BPSC's own wallet.",
	"signature_invalid":        "The signature is not over these bytes, or by another key. Signed are the line `bpsc/tx/v1` and the canonical JSON of the payload with the chain's id: see docs/ledger-rules.md.",
	"nonce_invalid":            "A nonce is 32 hex digits in lower case, drawn at random.",
	"expires_invalid":          "`expires` is a whole number of unix seconds.",
	"kind_invalid":             "An open contract knows transfers only. For the kinds of a signed one see `POST /v1/transactions`.",
	"own_account":              "Sender and recipient have to differ.",
	"contract_invalid":         "`detail` says which parameter and why.",
	"node_invalid":             "A node is `host:port` or a URL; `0.0.0.0` and `[::]` lead nobody anywhere.",
	"contract_unknown":         "`GET /v1/contracts` lists those that there are.",
	"contract_exists":          "Choose another token. A contract never changes.",
	"contracts_full":           "A cluster has at most 1,000 contracts.",
	"schedules_full":           "Let some blocks come less often, or only when there are records (`empty: false`).",
	"id_reused":                "The key, or the id, was used for a transaction with another content, which stands. Use a new key for a new transaction.",
	"expired":                  "Nothing happened, and this id is refused for ever. Sign a new one; `chain_time` says what the chain's clock shows.",
	"expires_too_far":          "`expires` is at most 24 hours ahead of `chain_time`. The clock of whoever signed may be wrong.",
	"key_wrong":                "The wallet's owner has another key now, or it is another wallet.",
	"account_frozen":           "Ask the issuer.",
	"insufficient_funds":       "Nothing moved. With more in the wallet a new transaction may succeed; this id stays refused.",
	"limit_per_transfer":       "The wallet's owner has set a limit. A higher one takes effect after the contract's delay.",
	"limit_per_day":            "Wait for the next UTC day, or let the owner raise the limit, which takes effect after the contract's delay.",
	"hold_unknown":             "The id of a hold is that of the transaction that became it.",
	"hold_not_yours":           "Its recipient decides.",
	"hold_delivered":           "It was accepted before. Nothing more happens.",
	"hold_rejected":            "It was rejected before, and the sender has everything back.",
	"hold_expired":             "Nobody decided in time, and the sender has everything back.",
	"hold_refunded":            "It could not be delivered, and the sender has everything back.",
	"hold_until_invalid":       "A hold ends after the transaction's decision and within 90 days.",
	"holds_full":               "The contract has as many open holds as it may. Some have to end first.",
	"sender_holds_full":        "Some of the sender's holds have to be decided, or to expire, first.",
	"hold_too_small":           "So many holds wait that new ones have a least amount. Send more at once.",
	"not_issuer":               "Sign with the issuer's key.",
	"not_treasurer":            "Sign with the treasurer's key.",
	"not_mintable":             "The contract says so in its first block; nobody can change it.",
	"not_freezable":            "The contract says so in its first block, or it is a wallet that cannot be frozen.",
	"insufficient_fees":        "There is less in the BPSC's wallet: `totals.fees` of the contract.",
	"balance_out_of_range":     "A balance has at most 15 digits in base units.",
	"total_out_of_range":       "A total has at most 15 digits in base units.",
	"on_request_disabled":      "Blocks come by the contract's schedule.",
	"level_active":             "There is no way back from a level.",
	"level_unsupported":        "Upgrade the members that `detail` names first.",
	"level_not_active":         "Activate it once all members are upgraded: `bpsc cluster activate`.",
	"token_unknown":            "`GET /v1/tokens` lists those that there are.",
	"token_required":           "Send `Authorization: Bearer …` with a token of the role that the operation needs; `bpsc token create` makes one.",
	"token_revoked":            "Get another token.",
	"token_expired":            "Get another token.",
	"token_too_broad":          "Ask for roles, contract and end within those of the token that you send.",
	"token_invalid":            "What was sent is no token of this cluster. A follower knows none of them but its own operator's secret.",
	"token_in_url":             "Revoke that token, which proxies and histories may have. Send it as `Authorization: Bearer …`.",
	"role_missing":             "The token is good, and not for this: get one with the role that `detail` names.",
	"other_contract":           "The token is limited to another contract.",
	"tokens_full":              "Tokens that ended long ago make room by themselves; revoke some.",
	"not_found":                "It is not there, as far as this node and those that it can ask know.",
	"does_not_verify":          "What this node has stored is damaged. Tell whoever runs it; ask another node.",
	"no_leader":                "Nothing happened. The members are choosing a leader; send the same request again, to any of them.",
	"queue_full":               "Nothing happened. There are more writes than the members take; come again more slowly.",
	"not_ordered":              "Nothing happened: it waited too long for its turn. Send the same request again.",
	"shutting_down":            "Nothing happened. Send the same request to another member.",
	"disk_full":                "Nothing happened. Whoever runs the members has to make room; reads go on.",
	"too_large":                "Send less at once.",
	"outcome_unknown":          "It may have happened. Send the same bytes again with the same id — the `Idempotency-Key`, the signed transaction, or the `idempotency_key` of this problem — and the answer is what became of it. It happens once.",
	"no_upstream":              "Nothing happened. This follower reaches no member: ask another node.",
	"relay_loop":               "Followers name each other as their upstreams. Whoever runs them has to name a member.",
	"host_unknown":             "Call the node by a name that it goes by, an IP address or localhost; its operator adds names with `--allow-host`.",
	"origin_foreign":           "A page of another site sent it. The operator can allow that site with `--allow-origin`.",
	"chain_other":              "The request names the chain of another ledger with a contract of that name: it was made anew, or it is another cluster. Look before you go on.",
	"path_unknown":             "`/docs` lists the paths of this node.",
	"method_not_allowed":       "`Allow` lists the methods of that path.",
	"request_malformed":        "It is for a proxy, names somebody in its address, or asks for another method than it has.",
	"target_too_long":          "Shorten the address.",
	"header_too_large":         "Send fewer or smaller headers.",
	"tls_required":             "Ask again with `https://`.",
	"rate_limited":             "Come again after `Retry-After`. With a token there is more room.",
	"invalid_json":             "`detail` says at which byte it ends to be JSON.",
	"body_too_large":           "A body has at most 1 MiB, a batch 8 MiB.",
	"batch_too_large":          "A batch has at most 10,000 transactions.",
	"body_incomplete":          "The connection broke; nothing happened. Send it again.",
	"personal_full":            "Forge the block first: `GET /mine`.",
	"behind":                   "This node has not seen yet what was asked for. Ask again, or another node; `?consistency=local` gets what it has.",
	"not_leader":               "`detail` names the leader, as far as this member knows.",
	"contract_not_here":        "There may be such a contract, and this node is about to hear of it. Ask again.",
	"block_not_here":           "The chain has not come to that block here; `min_block` waits for it.",
	"before_genesis":           "Ask for a later time.",
	"past_not_ready":           "Ask again: the node goes on with what it has read.",
	"receipt_not_ready":        "The record is final. Ask again with `?wait=10s`.",
	"too_many_clients":         "Nothing happened. Come again after `Retry-After`, or ask another node.",
	"not_here":                 "Ask a member of the cluster.",
	"no_contract":              "Create one: `POST /v1/contracts`, or start the members with `--contract FILE`.",
	"internal":                 "Tell whoever runs the node; its log has more under the `request_id`.",
	"too_many_blocks":          "No block was made. Come again after `Retry-After`.",
	"backup_in_progress":       "Wait for the other one to end.",
	"quorum_at_risk":           "Bring members back, or add some, first: too few voters would be there.",
	"two_voters":               "Of two voters neither may fail. Add a third, or say `two_voters: true`.",
	"change_in_progress":       "Wait until it is finished, and look at `GET /v1/cluster`.",
	"configuration_changed":    "Look at `GET /v1/cluster` again, and decide anew.",
	"member_unreachable":       "Start it there first; `wait` lets the request wait for it.",
	"not_caught_up":            "Wait until it has copied the ledger.",
}

// Advice is what to do about a code.
func (p Problem) Advice() string {
	if text := advice[p.Code]; text != "" {
		return text
	}
	switch {
	case p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests:
		return "Nothing happened. Send the same request again after `Retry-After`."
	case p.Status == http.StatusConflict || p.Status == http.StatusUnprocessableEntity:
		return "Nothing happened. `detail` says what is in the way; the same request will be refused again as long as that is so."
	case p.Status >= http.StatusInternalServerError:
		return "Tell whoever runs the node; its log has more under the `request_id`."
	}
	return "Nothing happened. Mend the request: `detail` says what is wrong with it."
}

// Advised are the codes about which there is advice of their own, in order.
func Advised() []string { return slices.Sorted(maps.Keys(advice)) }
