#!/usr/bin/env bash
# The page in a real browser, on a cluster of three members and a follower: every page, what comes
# while it is open, sending, receipts, a leader that is killed, and what others write; then on what a
# clone of this checkout makes by the README's command. Pictures are kept, and their folder is
# printed. What needs no browser: scripts/page-test.sh.
#
# usage: scripts/browser.sh [PATTERN-OF-NAMES-OF-TESTS]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/prerequisites.sh
. "$root/scripts/prerequisites.sh"
need_certificates
need_node "$root"
need_go "$root"
need_commands chromium=chromium curl=curl git=git
cd "$root/e2e/browser"
npm ci --ignore-scripts --no-audit --no-fund --silent

data=$(mktemp -d)
wallets=$data/wallets
export BPSC_DATA=$data/cluster BPSC_MEMBERS=3
shots=$root/.bpsc/browser
rm -rf "$shots"
finish() {
  "$root/scripts/cluster.sh" down >/dev/null 2>&1 || true
  rm -rf "$data"
  [ ! -d "$shots" ] || echo "pictures: $shots"
}
trap finish EXIT

# Ports that no outgoing connection takes, in two rows of four; another program may have one of them.
up() {
  BPSC_PORT=$((10000 + RANDOM % 1000 * 20))
  BPSC_RAFT_PORT=$((BPSC_PORT + 5))
  export BPSC_PORT BPSC_RAFT_PORT
  "$root/scripts/cluster.sh" up --every 1s --followers 1
}
up >"$data/log" || up >"$data/log" || { cat "$data/log"; exit 1; }

MEMBERS="http://127.0.0.1:$BPSC_PORT http://127.0.0.1:$((BPSC_PORT + 10)) http://127.0.0.1:$((BPSC_PORT + 20))"
FOLLOWER=http://127.0.0.1:$((BPSC_PORT + 1))
BPSC=$root/.bpsc/bin/bpsc
CHROMIUM=$(command -v chromium)
export MEMBERS FOLLOWER BPSC CHROMIUM WALLETS=$wallets SHOTS=$shots

# A signed contract beside the open one, and keys for it.
(umask 077 && mkdir "$wallets" && head -c 18 /dev/urandom | base64 >"$wallets/passphrase")
for name in issuer alice bob; do
  address=$("$BPSC" wallet new "$name" --wallets "$wallets" --passphrase-file "$wallets/passphrase" --work-factor 10 -o json |
    sed -n 's/.*"address": *"\([a-z0-9]*\)".*/\1/p')
  echo "$name $address" >>"$wallets/addresses"
done
curl -fsS "http://127.0.0.1:$BPSC_PORT/v1/contracts" -o /dev/null \
  -d "{\"token\": \"gold\", \"decimals\": 2, \"issuer\": \"$(sed -n 's/^issuer //p' "$wallets/addresses")\", \"supply\": 1000000, \"schedule\": {\"every\": \"1s\"}}"

echo "the page in $("$CHROMIUM" --version)"
only=(${1+--test-name-pattern="$1"})
# Files side by side, as most of the time is waiting; then what is measured, and those in which members die.
node --test --test-concurrency=3 "${only[@]}" walk.test.mjs pages.test.mjs receipt.test.mjs send.test.mjs input.test.mjs search.test.mjs
node --test --test-concurrency=1 "${only[@]}" rows.test.mjs first.test.mjs live.test.mjs cluster.test.mjs
