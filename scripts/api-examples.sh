#!/usr/bin/env bash
# Takes the examples of the API's document from a cluster of its own: bodies of requests and of
# answers, as they came, into api/openapi/examples. Their names say which operation they are of,
# the status, and which of several: submit.201.hold.json. Run it when an answer has new fields,
# then `make openapi`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$root/api/openapi/examples
work=$(mktemp -d)
export BPSC_PORT=${BPSC_PORT:-23500} BPSC_RAFT_PORT=${BPSC_RAFT_PORT:-24500} BPSC_DATA=$work/data
trap '"$root/scripts/cluster.sh" down >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
"$root/scripts/cluster.sh" up --followers 1 >/dev/null
bpsc=$root/.bpsc/bin/bpsc
member=http://127.0.0.1:$BPSC_PORT
follower=http://127.0.0.1:$((BPSC_PORT + 1))
rm -f "$out"/*

# take NAME EXT METHOD URL [BODY [CURL-OPTION…]] sends a request and keeps both bodies. The
# status in the file's name is that of the answer, and a body that was refused is no example. It
# prints the answer.
take() {
  local name=$1 ext=$2 method=$3 url=$4 body=${5-} op status
  shift "$(($# < 5 ? $# : 5))"
  op=${name%%.*}
  status=$(curl -sS -o "$work/answer" -w '%{http_code}' -X "$method" ${body:+-d "$body"} "$@" "$url")
  if [ -n "$body" ] && [ "$status" -lt 300 ]; then printf '%s\n' "$body" >"$out/$op.request${name#"$op"}.json"; fi
  cp "$work/answer" "$out/$op.$status${name#"$op"}.$ext"
  cat "$work/answer"
}

# field NAME reads a field of JSON, one that stands once.
field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }

# The tutorial's walk.
take tutorialTransfer json POST "$member/transactions/new" '{"sender":"alice","amount":1000000,"recipient":"bob"}' >/dev/null
take tutorialTransfer.missing json POST "$member/transactions/new" '{"sender":"alice","amount":12.5}' >/dev/null
take mine.member json GET "$member/mine" >/dev/null
take registerNodes json POST "$member/nodes/register" '{"nodes":["http://127.0.0.1:5001","127.0.0.1:5002"]}' >/dev/null
take chain json GET "$member/chain?from=2&limit=1" >/dev/null
take smartChain json GET "$member/smart/chain?from=2&limit=1" >/dev/null
take smartChain.lines ndjson GET "$member/smart/chain?from=1&limit=2" "" -H "Accept: application/x-ndjson" >/dev/null
take addInformation json POST "$follower/information/new" '{"information":"the courier came at noon"}' >/dev/null
take mine.follower json GET "$follower/mine" >/dev/null
take personalChain json GET "$follower/chain2?from=2" >/dev/null

# An open contract under /v1.
id=$(take submit json POST "$member/v1/transactions" '{"sender":"alice","amount":"12.5","recipient":"bob","memo":"invoice 1207"}' -H "Idempotency-Key: invoice-1207" | field id)
take submit.replay json POST "$member/v1/transactions" '{"sender":"alice","amount":"12.5","recipient":"bob","memo":"invoice 1207"}' -H "Idempotency-Key: invoice-1207" >/dev/null
take submit.reused json POST "$member/v1/transactions" '{"sender":"alice","amount":13,"recipient":"bob"}' -H "Idempotency-Key: invoice-1207" >/dev/null
take submitBatch json POST "$member/v1/transactions:batch" '{"transactions":[{"sender":"alice","amount":1,"recipient":"bob","key":"a-1"},{"sender":"alice","amount":0,"recipient":"bob"}]}' >/dev/null
curl -sS "$member/mine" >/dev/null
take transaction json GET "$member/v1/transactions/$id" >/dev/null
take transaction.unknown json GET "$member/v1/transactions/${id//[0-9]/0}" >/dev/null
take receipt txt GET "$member/v1/transactions/$id/receipt?wait=10s" >/dev/null
take account json GET "$member/v1/accounts/alice" >/dev/null
take account.past json GET "$member/v1/accounts/alice?at_block=2" >/dev/null
take accountTransactions json GET "$member/v1/accounts/alice/transactions?limit=1" >/dev/null
take block json GET "$member/v1/blocks/2" >/dev/null
take blocks json GET "$member/v1/blocks?from=1&limit=2" >/dev/null
take checkpoint txt GET "$member/v1/contracts/aka/checkpoint?size=3" >/dev/null
take policy txt GET "$member/v1/policy" >/dev/null
take policies txt GET "$member/v1/policies" >/dev/null
take nodes json GET "$member/v1/nodes" >/dev/null
curl -sS --max-time 1 "$member/v1/events?from=2" | head -n 7 >"$out/events.200.txt" || true

# A signed contract: keys, a supply, a hold.
export BPSC_WALLETS=$work/wallets BPSC_PASSPHRASE_FILE=$work/passphrase BPSC_SERVER=$member
echo "only for an example" >"$BPSC_PASSPHRASE_FILE"
issuer="" treasurer="" carol="" dave=""
for name in issuer treasurer carol dave; do
  declare "$name=$("$bpsc" wallet new "$name" --work-factor 10 -o json | field address)"
done
take createContract json POST "$member/v1/contracts" '{"token":"gold","decimals":2,"issuer":"'"$issuer"'","treasurer":"'"$treasurer"'","supply":1000000,"mintable":true,"freezable":true,"schedule":{"every":"1s","transactions":1000}}' >/dev/null
take createContract.open json POST "$member/v1/contracts" '{"token":"points","decimals":0,"wallets":"open","fee_ppm":0,"schedule":{"transactions":10}}' >/dev/null
chain=$(curl -sS "$member/v1/contracts/gold" | field chain_id)
offline=(--offline --chain-id "$chain" --decimals 2 --contract gold)
"$bpsc" send --from issuer --to carol --amount 500 --contract gold >/dev/null
take submit.signed json POST "$member/v1/transactions" "$("$bpsc" send --from carol --to dave --amount 12.5 "${offline[@]}")" >/dev/null
hold=$(take submit.hold json POST "$member/v1/transactions" "$("$bpsc" send --from carol --to dave --amount 100 --hold-until 24h "${offline[@]}")" | field id)
take submit.rules json POST "$member/v1/transactions" "$("$bpsc" rules --wallet carol --per-day 250 "${offline[@]}")" >/dev/null
take submit.issue json POST "$member/v1/transactions" "$("$bpsc" issue --wallet issuer --to carol --amount 1000 "${offline[@]}")" >/dev/null
take submit.insufficient json POST "$member/v1/transactions" "$("$bpsc" send --from dave --to carol --amount 9000 "${offline[@]}")" >/dev/null
take hold json GET "$member/v1/holds/$hold?contract=gold" >/dev/null
take accountHolds json GET "$member/v1/accounts/$dave/holds?contract=gold" >/dev/null
take account.signed json GET "$member/v1/accounts/$carol?contract=gold" >/dev/null
take acceptHold json POST "$member/v1/holds/$hold:accept?contract=gold" "$("$bpsc" accept "$hold" --wallet dave "${offline[@]}")" >/dev/null
hold=$(curl -sS "$member/v1/transactions" -d "$("$bpsc" send --from carol --to dave --amount 7 --hold-until 24h "${offline[@]}")" | field id)
take rejectHold json POST "$member/v1/holds/$hold:reject?contract=gold" "$("$bpsc" reject "$hold" --wallet dave "${offline[@]}")" >/dev/null
curl -sS "$member/mine?contract=gold" >/dev/null
take contracts json GET "$member/v1/contracts" >/dev/null
take contract json GET "$member/v1/contracts/gold" >/dev/null

# Who runs it.
take cluster json GET "$member/v1/cluster" >/dev/null
take clusterEvents json GET "$member/v1/cluster/events" >/dev/null
take addMember json POST "$member/v1/cluster/members" '{"id":"n4","raft":"127.0.0.1:6030","dry_run":true}' >/dev/null
take transferLeader json POST "$member/v1/cluster:transfer-leader" '{"dry_run":true}' >/dev/null
take removeMember json POST "$member/v1/cluster/members/n3:remove" '{"dry_run":true}' >/dev/null
take activateLevel json POST "$member/v1/cluster:activate" '{"dry_run":true}' >/dev/null
take sync json GET "$follower/v1/sync" >/dev/null
take diagnostics json GET "$member/v1/diagnostics" >/dev/null
take livez txt GET "$member/livez" >/dev/null
take readyz.verbose txt GET "$member/readyz?verbose" >/dev/null
curl -sS -o "$work/metrics" "$member/metrics"
head -n 6 "$work/metrics" >"$out/metrics.200.txt"
secret=$(take createToken json POST "$member/v1/tokens" '{"name":"ci","roles":["submit"],"contract":"gold","expires":1893456000}' | field token)
take tokens json GET "$member/v1/tokens" >/dev/null
take audit json GET "$member/v1/audit?limit=2" >/dev/null

# Nobody's token and no path of this machine in it.
sed -i "s|$secret|bpsc_0000000000000000000000000000000000000000000|" "$out/createToken.201.json"
sed -i "s|$work/data|/var/lib/bpsc|g; s|127.0.0.1:$BPSC_PORT|127.0.0.1:5000|g; s|127.0.0.1:$((BPSC_PORT + 10))|127.0.0.1:5010|g; s|127.0.0.1:$((BPSC_PORT + 20))|127.0.0.1:5020|g; s|127.0.0.1:$((BPSC_PORT + 1))\b|127.0.0.1:5001|g; s|127.0.0.1:$BPSC_RAFT_PORT|127.0.0.1:6000|g; s|127.0.0.1:$((BPSC_RAFT_PORT + 10))|127.0.0.1:6010|g; s|127.0.0.1:$((BPSC_RAFT_PORT + 20))|127.0.0.1:6020|g" "$out"/*
find "$out" -type f | wc -l
