#!/usr/bin/env bash
# The load benchmark: bpsc bench on a cluster of three of its own on this machine.
#   scripts/bench.sh                 transfers of every kind, and 20 kills of the leader: about four minutes
#   scripts/bench.sh ARGUMENTS       those of bpsc bench; scripts/bench.sh --help lists them
#   scripts/bench.sh --peers         beside etcd and NATS
#   scripts/bench.sh --stages        what a transfer costs each member, by stage: about four minutes
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# Beside etcd and NATS.
[ "${1-}" != --peers ] || exec scripts/bench-peers.sh "${@:2}"

# shellcheck source=scripts/prerequisites.sh
. scripts/prerequisites.sh

need_certificates
need_go "$root"
scripts/build.sh .bpsc/bin/bpsc
mkdir -p .bpsc/bench
if [ "${1-}" = --stages ]; then
  CGO_ENABLED=0 go build -C e2e/peers -mod=readonly -trimpath -o "$root/.bpsc/peers/peers" .
  exec .bpsc/peers/peers stages "${@:2}"
fi
# The members' data go there, to a disk: where there is no other place the system may keep such
# things in memory.
export TMPDIR=$root/.bpsc/bench
[ $# -eq 0 ] || exec .bpsc/bin/bpsc bench "$@"

measure() {
  printf '\nbpsc bench %s\n' "$*"
  .bpsc/bin/bpsc bench "$@"
}
measure --connections 1,64,256
measure --connections 64,256 --to all
measure --connections 8 --batch 1000
measure --connections 8 --batch 1000 --to all
measure --connections 256 --signed
measure --connections 256 --signed --to all
measure --connections 8 --batch 1000 --signed --presign 200000
measure --connections 8 --batch 1000 --signed --presign 200000 --to all
measure --failover=20
