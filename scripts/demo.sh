#!/usr/bin/env bash
# The whole story in a minute, on a cluster of its own (fresh data, free ports):
# a transfer, a block, the chain, two followers, a killed leader, and the chain
# goes on.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/prerequisites.sh
. "$root/scripts/prerequisites.sh"
# shellcheck source=scripts/members.sh
. "$root/scripts/members.sh"

# shellcheck source=scripts/demo-signed.sh
. "$root/scripts/demo-signed.sh"

heading() { printf '\n== %s ==\n' "$*"; }

steps=0
step() {
  steps=$((steps + 1))
  heading "$steps. $*"
}

# show prints a command as one would type it, then runs it.
show() {
  printf '$'
  printf ' %s' "${@@Q}" | sed -E "s/'([A-Za-z0-9_.:/=,@%+-]+)'/\1/g"
  printf '\n'
  local output
  output=$("$@")
  [ -z "$output" ] || printf '%s\n' "$output"
}

# choose_place looks for free ports, so that no cluster of the operator's is in
# the way; it begins anywhere, so that two demos at a time do not meet. The
# folder goes away at the end.
choose_place() {
  local try i
  BPSC_MEMBERS=3
  for ((try = 0; try < 100; try++)); do
    BPSC_PORT=$((15000 + RANDOM % 170 * 100))
    BPSC_RAFT_PORT=$((BPSC_PORT + 50))
    for ((i = 0; i < 3; i++)); do
      if taken "127.0.0.1:$((BPSC_PORT + i))" || taken "127.0.0.1:$((BPSC_PORT + 10 * i))" || taken "127.0.0.1:$((BPSC_RAFT_PORT + 10 * i))"; then continue 2; fi
    done
    mkdir -p "$root/.bpsc"
    BPSC_DATA=$(mktemp -d "$root/.bpsc/demo.XXXXXX")
    export BPSC_PORT BPSC_RAFT_PORT BPSC_DATA BPSC_MEMBERS
    return 0
  done
  die "no free ports for the demo"
}

finish() {
  local status=$?
  trap - EXIT
  "$root/scripts/cluster.sh" down >/dev/null 2>&1 || true
  if [ "$status" -eq 0 ]; then
    rm -rf "$data"
  else
    printf '\nThe demo failed; logs and data are kept in %s\n' "$data" >&2
  fi
  exit "$status"
}

# chain_length URL and chain_digest URL look at a chain block by block.
chain_length() { curl -sS "$1/chain" | grep -Eo '"length": *[0-9]+' | grep -Eo '[0-9]+$'; }
chain_digest() {
  local i length
  length=$(chain_length "$1")
  for ((i = 1; i <= length; i++)); do curl -fsS "$1/v1/blocks/$i"; done | sha256sum | cut -d' ' -f1
}

# send_until_final tries one member after the other with the same key: however
# often it is tried, the transfer happens once.
send_until_final() {
  local key=$1 body=$2 id deadline=$((SECONDS + 20))
  while [ "$SECONDS" -lt "$deadline" ]; do
    for id in $ids; do
      if curl -fs --connect-timeout 0.5 -m 3 -X POST "$(api_url "$id")/v1/transactions" \
        -H "Idempotency-Key: $key" -d "$body"; then
        return 0
      fi
    done
    sleep 0.02
  done
  die "no member took the transfer within 20 s"
}

walk_the_tutorial() {
  step "A transfer of 1,000,000, as in the tutorial"
  show curl -s -X POST "$first/transactions/new" -d '{"sender":"alice","amount":1000000,"recipient":"bob"}'

  step "The BPSC makes a block, without mining"
  show curl -s "$first/mine"

  step "The chain"
  show curl -s "$first/chain"
}

check_a_hash_by_hand() {
  local printed carried
  step "Anyone can check it: the bytes of a block hash to what the next block carries"
  curl -fsS -X POST "$first/transactions/new" -d '{"sender":"bob","amount":250,"recipient":"carol"}' >/dev/null
  curl -fsS "$first/mine" >/dev/null
  show curl -s "$first/v1/blocks/3"
  echo "\$ curl -s $first/v1/blocks/2 | sha256sum"
  printed=$(curl -sS "$first/v1/blocks/2" | sha256sum | cut -d' ' -f1)
  echo "$printed"
  carried=$(curl -sS "$first/v1/blocks/3" | grep -Eo '"previous_hash": *"[^"]*"' | cut -d'"' -f4)
  [ "$printed" = "$carried" ] || die "block 3 carries $carried as previous_hash, not the hash of block 2"
  echo "and that is the previous_hash of block 3"
}

visit_the_followers() {
  local f1 f2
  f1=$(api_url f1)
  f2=$(api_url f2)
  step "Two nodes outside the cluster: they cannot make a block, and believe nothing they did not check"
  echo "what is sent to f1 goes to the BPSC, and comes back with the BPSC's answer:"
  show curl -s -X POST "$f1/transactions/new" -d '{"sender":"carol","amount":1,"recipient":"alice"}'
  curl -fsS "$first/mine" >/dev/null
  echo "f2 has asked for what is new, checked it, and shows it:"
  show curl -s "$f2/smart/chain?from=$(chain_length "$first")"
  echo "and it keeps a chain of its own, which is nobody else's business:"
  show curl -s -X POST "$f2/information/new" -d '{"information":{"paid":"invoice 17"}}'
  show curl -s "$f2/mine"
  show curl -s "$f2/chain2"
}

kill_the_leader() {
  local began
  step "kill -9 for the leader"
  killed=$(wait_leader 10) || die "no leader"
  echo "$killed leads, as process $(pid_of "$killed")"
  show kill -9 "$(pid_of "$killed")"
  began=$(now_ms)
  if [ "$wallets_are" = signed ]; then
    send_signed_to_whoever_is_left
  else
    echo "sending to whoever is left, again and again with the same key:"
    send_until_final "demo-$began" '{"sender":"carol","recipient":"dave","amount":100}'
  fi
  failover=$(($(now_ms) - began))
  printf '\nacknowledged %s ms after the kill; %s leads now\n' "$failover" "$(wait_leader 10)"

  step "The chain goes on without $killed"
  for id in $ids; do if [ "$id" != "$killed" ]; then survivor=$(api_url "$id"); fi; done
  show curl -s "$survivor/mine"
}

bring_it_back() {
  local id digest reference=""
  step "$killed comes back and catches up"
  show scripts/cluster.sh restart-dead

  step "Every member and every follower has the same chain, byte for byte, and it verifies"
  blocks=$(chain_length "$survivor")
  for id in $follower_ids; do
    # A read that waits until this node has that block.
    curl -fsS -o /dev/null "$(api_url "$id")/v1/contracts?min_block=$blocks"
  done
  for id in $ids $follower_ids; do
    show "$binary" chain verify --server "$(api_url "$id")"
    digest=$(chain_digest "$(api_url "$id")")
    echo "all blocks of $id together have the sha256 $digest"
    [ "${reference:=$digest}" = "$digest" ] || die "$id has another chain"
  done
  show "$binary" chain --server "$first"
}

case "${1-}${2-}" in
  "" | --walletsopen | --wallets=open) wallets_are=open ;;
  --walletssigned | --wallets=signed) wallets_are=signed ;;
  *) die "usage: scripts/cluster.sh demo [--wallets open|signed]" ;;
esac

need_certificates
need_commands curl=curl
need_go "$root"
choose_place
locate_cluster
trap finish EXIT
cd "$root" # so that the commands shown are the ones to type
binary=.bpsc/bin/bpsc

heading "A cluster of three members, and two followers"
scripts/cluster.sh up --followers 2 --wallets "$wallets_are" | sed '/^$/,$d'
name_followers 2
first=$(api_url n1)

if [ "$wallets_are" = signed ]; then
  walk_the_wallets
else
  walk_the_tutorial
  check_a_hash_by_hand
  visit_the_followers
fi
kill_the_leader
bring_it_back

heading "That was it"
cat <<TEXT
$blocks blocks on 3 members and 2 followers, identical and verified. The leader died by kill -9; the
next transfer was acknowledged $failover ms later, and nothing was lost.
A cluster to keep: scripts/cluster.sh up
TEXT
