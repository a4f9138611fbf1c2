#!/usr/bin/env bash
# The fault laboratory: a real cluster on machines of its own (network namespaces), with clients of
# all kinds, is broken as a seed says, healed, and judged.
#   scripts/faults.sh [--seed S] [--minutes M | --rounds N] [--round 10s] [--fresh 60] [--members 3..5] [--faults LIST] [--base COMMIT]
# --faults list prints what there is; with --faults none it is a soak (make soak). The report is in .bpsc/faults/; a violation ends it with 1.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=scripts/prerequisites.sh
. scripts/prerequisites.sh

export CGO_ENABLED=0 GOFLAGS='-trimpath -tags=nomsgpack'
need_go "$root"
if [ "$(uname)" = Linux ] && [ "$(id -u)" -eq 0 ]; then
  need_commands ip=iproute2 nft=nftables iptables=iptables
  # What a run has left behind that was killed: its machines are named after its process, and
  # its disks do not answer any more.
  ip netns list | awk '/^bp[0-9]+-/ { print $1 }' | while read -r machine; do
    pid=${machine#bp} pid=${pid%-*}
    [ -e "/proc/$pid" ] || { ip netns del "$machine"; ip link del "bp$pid" 2>/dev/null || true; }
  done
  awk '$3 == "fuse.bpsc-faults" { print $2 }' /proc/mounts | while read -r dir; do
    ls "$dir" >/dev/null 2>&1 || umount -l "$dir"
  done
fi
mkdir -p .bpsc/bin
go build -o .bpsc/bin/faults ./e2e/faults
exec .bpsc/bin/faults "$@"
