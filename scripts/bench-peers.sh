#!/usr/bin/env bash
# bpsc beside etcd and NATS in one run: builds all of them and prints the table of
# docs/performance.md. The peers and their tools come through the Go module proxy, in the
# versions of e2e/peers/go.mod. About twelve minutes; the tools take five more to build once.
#   scripts/bench-peers.sh [--short] [--rounds 5] [--row 4s] [--kills 20] [--only bolt,wal,etcd,nats] [--data FOLDER]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=scripts/prerequisites.sh
. scripts/prerequisites.sh

need_certificates
need_go "$root"
[ "$(uname)" = Linux ] || die "who uses the cores is read from /proc, which only Linux has"

tools=$root/.bpsc/peers
echo "building bpsc, and the peers with their tools into .bpsc/peers" >&2
scripts/build.sh .bpsc/bin/bpsc
# build NAME PACKAGE: as for go build, in the module of the peers.
build() { CGO_ENABLED=0 go build -C "$root/e2e/peers" -mod=readonly -trimpath -o "$tools/$1" "$2"; }
build etcd go.etcd.io/etcd/server/v3
build benchmark go.etcd.io/etcd/v3/tools/benchmark
build nats-server github.com/nats-io/nats-server/v2
build nats github.com/nats-io/natscli/nats
build peers .

state=$(git describe --always --dirty 2>/dev/null || true)
exec "$tools/peers" beside -binary .bpsc/bin/bpsc -tools "$tools" -data .bpsc/bench -state "$state" "$@"
