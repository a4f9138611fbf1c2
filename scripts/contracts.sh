#!/usr/bin/env bash
# What many contracts cost an idle cluster: scripts/contracts.sh [CONTRACTS…] (1 100 1000)
#
# For each number: three members, so many contracts with a block every EVERY (1s), nobody who
# asks for anything for WATCH (30s). Prints how far blocks are apart, how old what no checkpoint
# covers yet, and the share of a core that each member took; it judges nothing.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=scripts/prerequisites.sh
. scripts/prerequisites.sh

need_certificates
need_go "$root"
export BPSC_CONTRACTS_EVERY=${EVERY:-1s} BPSC_CONTRACTS_WATCH=${WATCH:-30s}
[ "$#" -gt 0 ] || set -- 1 100 1000
for contracts; do
  BPSC_CONTRACTS=$contracts go test ./e2e/operations -run '^TestManyContracts$' -count=1 -v -timeout 30m
done
