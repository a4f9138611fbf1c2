#!/usr/bin/env bash
# The walks of the Postman collection (docs/postman/bpsc.json), run by newman against a cluster
# of three members and a follower that it starts for that.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/prerequisites.sh
. "$root/scripts/prerequisites.sh"
need_certificates
need_commands curl=curl
need_node "$root"

tools=$root/.bpsc/tools/postman
mkdir -p "$tools"
if ! cmp -s "$root/scripts/postman/package-lock.json" "$tools/package-lock.json" || [ ! -x "$tools/node_modules/.bin/newman" ]; then
  cp "$root/scripts/postman/package.json" "$root/scripts/postman/package-lock.json" "$tools"
  (cd "$tools" && npm ci --ignore-scripts --no-audit --no-fund --silent)
fi

data=$(mktemp -d)
export BPSC_DATA=$data/cluster BPSC_MEMBERS=3
finish() {
  "$root/scripts/cluster.sh" down >/dev/null 2>&1 || true
  rm -rf "$data"
}
trap finish EXIT

# Ports that no outgoing connection takes, in two rows of four; another program may have one of them.
up() {
  BPSC_PORT=$((10000 + RANDOM % 1000 * 20))
  BPSC_RAFT_PORT=$((BPSC_PORT + 5))
  export BPSC_PORT BPSC_RAFT_PORT
  "$root/scripts/cluster.sh" up --followers 1
}
up >"$data/log" || up >"$data/log" || { cat "$data/log"; exit 1; }

"$tools/node_modules/.bin/newman" run "$root/docs/postman/bpsc.json" --color off --disable-unicode \
  --folder "The tutorial's walk" --folder "The same under /v1" \
  --timeout-request 10000 --reporters cli --reporter-cli-no-banner \
  --working-dir "$data" \
  --env-var "member=http://127.0.0.1:$BPSC_PORT" --env-var "follower=http://127.0.0.1:$((BPSC_PORT + 1))"
