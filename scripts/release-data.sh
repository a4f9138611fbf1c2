#!/usr/bin/env bash
# The data folders that a release leaves behind, as testdata: every later binary has
# to open them (e2e/releases_test.go). Three members, a follower and a witness, with
# an open contract and a signed one, holds in every state, refusals, checkpoints, a
# snapshot, and a log behind it. n3 has been replaced, where a release can do that. It is
# killed at the end, the others stop in order.
set -euo pipefail

usage() {
  cat >&2 <<'TEXT'
usage: scripts/release-data.sh VERSION [SOURCE]

Builds what is checked out in SOURCE (this clone), and writes
e2e/testdata/data/VERSION.tar.zst. For a release of the past:
  git worktree add ../past v0.1.0 && scripts/release-data.sh 0.1.0 ../past
TEXT
  exit 2
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/prerequisites.sh
. "$root/scripts/prerequisites.sh"
[[ ${1-} =~ ^[0-9a-z.-]+$ ]] || usage
version=$1
source=$(cd "${2-$root}" && pwd)
archive=$root/e2e/testdata/data/$version.tar.zst
need_commands curl=curl zstd=zstd
need_go "$root"

# Members know each other by these addresses for ever, so the tests use them too:
# they are below those that tests and the demo take.
peers=n1=127.0.0.1:14811,n2=127.0.0.1:14812,n3=127.0.0.1:14813
api() {
  case "$1" in
    n*) echo "127.0.0.1:1480${1#n}" ;;
    f1) echo 127.0.0.1:14804 ;;
    w1) echo 127.0.0.1:14805 ;;
  esac
}
server=http://$(api n1)

work=$(mktemp -d)
declare -A process=()
finish() {
  local status=$? id
  for id in "${!process[@]}"; do kill -9 "${process[$id]}" 2>/dev/null || true; done
  if [ "$status" -eq 0 ]; then rm -rf "$work"; else echo "failed; logs and data are in $work" >&2; fi
}
trap finish EXIT
data=$work/data
mkdir -p "$data" "$work/logs"

# build makes the binary, but for one thing it is the release's: it takes a snapshot
# after a few entries and keeps few of them.
build() {
  local config=$source/cluster/config.go changed=$work/config.go
  sed -E -e 's/(SnapshotInterval: +)30 \* time.Second/\1 100 * time.Millisecond/' \
    -e 's/(SnapshotThreshold: +)8192/\1 50/' -e 's/(TrailingLogs: +)10240/\1 20/' "$config" >"$changed"
  [ "$(diff "$config" "$changed" | grep -c '^>')" = 3 ] || die "cluster/config.go has other defaults than this script knows"
  printf '{"Replace":{"%s":"%s"}}' "$config" "$changed" >"$work/overlay.json"
  (cd "$source" && CGO_ENABLED=0 go build -overlay "$work/overlay.json" -o "$work/bpsc" ./cmd/bpsc)
}

bpsc() { env -u BPSC_SERVER "$work/bpsc" "$@"; }

start() {
  local id=$1
  shift
  "$work/bpsc" "$@" --listen "$(api "$id")" --data "$data/$id" >"$work/logs/$id.log" 2>&1 &
  process[$id]=$!
}

start_member() {
  start "$1" server --id "$1" --cluster "$peers" --contract "$data/contract.json" --witnesses "$data/witnesses" --witness-quorum 1
}

await() { # await SECONDS WHAT COMMAND…
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || die "not in time: $what"
    sleep 0.1
  done
}

ready() { curl -fs -m 1 "http://$(api "$1")/readyz"; }

stop() {
  kill "$2" "${process[$1]}"
  wait "${process[$1]}" 2>/dev/null || true
  unset "process[$1]"
}

# wallet NAME makes a key and prints its address.
wallet() { bpsc wallet new "$1" "${keys[@]}" --work-factor 1 -o json | sed -n 's/.*"address": *"\([a-z0-9]*\)".*/\1/p'; }

# signed is a command that signs. It prints the transaction's id.
signed() { bpsc "$@" "${keys[@]}" --contract gold -s "$server" -o json | grep -Eo '"id": *"[0-9a-f]{64}"' | head -n 1 | cut -d'"' -f4; }

transfer() { # transfer KEY BODY prints the status
  curl -s -o /dev/null -w '%{http_code}' -H "Idempotency-Key: $1" -d "$2" "$server/v1/transactions"
}

expect() { [ "$1" = "$2" ] || die "$3: $2, not $1"; }

chains() { # chains ID FOLDER: what a node serves, a block a line
  local token
  mkdir -p "$2"
  for token in aka gold; do
    curl -fsS -H 'Accept: application/x-ndjson' "http://$(api "$1")/smart/chain?from=1&contract=$token" >"$2/$token.ndjson"
  done
}

same_chains() {
  chains n1 "$work/n1" && chains "$1" "$work/$1" && diff -r "$work/n1" "$work/$1"
}

cosigned() { curl -fsS "$server/v1/contracts/gold/checkpoint" | grep -F /witness/w1; }

begin() {
  local id
  echo release-data >"$data/passphrase"
  keys=(--wallets "$data/wallets" --passphrase-file "$data/passphrase")
  echo '{"token":"aka","decimals":6,"fee_ppm":50,"wallets":"open","schedule":{"transactions":10},"on_request":true}' >"$data/contract.json"
  bpsc witness key --data "$data/w1" --name w1 --url "http://$(api w1)" >"$data/witnesses"
  for id in n1 n2 n3; do start_member "$id"; done
  for id in n1 n2 n3; do await 30 "$id is ready" ready "$id"; done
}

gold_contract() {
  printf '{"token":"gold","decimals":2,"fee_ppm":1000,"wallets":"signed","issuer":"%s","treasurer":"%s","supply":1000000,"mintable":true,"freezable":true,"schedule":{"every":"1s"}}' \
    "$(wallet issuer)" "$(wallet treasurer)"
}

# The witness is for both chains, so its policy names none.
policy() { bpsc cluster keys -s "$server" >"$work/policy" && sed -E '/^(log|# chain) /d' "$work/policy" >"$data/w1.policy"; }

watch() {
  start f1 follow --upstream "http://$(api n1),http://$(api n2),http://$(api n3)"
  await 30 "the policy" policy
  start w1 witness --name w1 --policy "$data/w1.policy"
  await 30 "w1 is live" curl -fs "http://$(api w1)/livez"
  await 30 "f1 is ready" ready f1
}

fill() {
  local i bob carol hold
  for ((i = 1; i <= 35; i++)); do
    expect 201 "$(transfer "open-$i" "{\"sender\":\"alice\",\"recipient\":\"bob\",\"amount\":$((i * 1000))}")" "open transfer"
  done
  curl -fsS -d '{"nodes":["http://127.0.0.1:14899"]}' "$server/nodes/register" >/dev/null
  wallet alice >/dev/null
  bob=$(wallet bob) carol=$(wallet carol)
  signed send --from issuer --to alice --amount 5000 >/dev/null
  signed issue --to "$bob" --amount 100 --wallet issuer >/dev/null
  for hold in accept reject; do
    signed "$hold" "$(signed send --from alice --to bob --amount 12.5 --hold-until 1h)" --wallet bob >/dev/null
  done
  signed send --from alice --to bob --amount 7 --hold-until 1s >/dev/null
  signed send --from alice --to bob --amount 8 --hold-until 20h >/dev/null
  signed rules --wallet carol --receive closed >/dev/null
  ! signed send --from alice --to carol --amount 3 >/dev/null 2>&1 || die "carol is closed"
  ! signed send --from bob --to alice --amount 100000 >/dev/null 2>&1 || die "bob does not have that"
  signed freeze "$carol" --wallet issuer >/dev/null
}

# replace_n3 has n3 lose its disk, in releases that can replace a member: from there on
# it is another instance, and another policy judges checkpoints.
replace_n3() {
  [[ $(bpsc cluster --help) == *replace* ]] || return 0
  stop n3 -KILL
  rm -rf "${data:?}/n3"
  start n3 server --id n3 --join --raft 127.0.0.1:14813 --contract "$data/contract.json" --witnesses "$data/witnesses" --witness-quorum 1
  await 30 "n3 is there again" curl -fs "http://$(api n3)/livez"
  bpsc cluster replace n3 --timeout 60s -s "$server" >/dev/null
  await 30 "n3 is ready again" ready n3
}

finish_chains() {
  local i
  await 30 "gold is cosigned by the witness" cosigned
  for ((i = 1; i <= 23; i++)); do
    expect 201 "$(transfer "late-$i" "{\"sender\":\"bob\",\"recipient\":\"carol\",\"amount\":$i}")" "late transfer"
  done
  bpsc mine -s "$server" >/dev/null
  expect 201 "$(transfer pending '{"sender":"bob","recipient":"dora","amount":1}')" "a pending transfer"
  for i in n2 n3 f1; do await 30 "$i has the chains of n1" same_chains "$i"; done
}

build
begin
expect 201 "$(curl -s -o /dev/null -w '%{http_code}' -d "$(gold_contract)" "$server/v1/contracts")" "the contract gold"
watch
fill
replace_n3
finish_chains
stop n3 -KILL
for id in f1 w1 n1 n2; do stop "$id" -TERM; done
cp -r "$work/n1" "$data/chains"
for id in n1 n2 n3; do
  [ -n "$(ls "$data/$id/raft/snapshots")" ] || die "$id has no snapshot"
done
mkdir -p "$(dirname "$archive")"
# Three members have nearly the same files: a long window sees that.
tar -C "$data" --sort=name --owner=0 --group=0 --numeric-owner --hard-dereference --sparse -c . |
  zstd -19 --long=24 -q -c >"$archive"
ls -l "$archive"
