#!/usr/bin/env bash
# What a long chain costs: scripts/growth.sh [machine|members] [TRANSFERS] [RECORDS-A-BLOCK]
#
# machine: a state machine without a cluster applies so many transfers (10,000,000), and
# prints the processor time and the bytes of a transfer as the chain grows, and what hashing a
# MiB takes, which is always the same. BPSC_GROWTH_PROFILES: a folder for a CPU profile of each line.
# members: three members take as many (2,000,000) over HTTP; prints their memory and
# disk, how fast they start and read, and what a fourth member costs.
#
# Both print and judge nothing; ten million through members take some 8 GB in TMPDIR.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
what=${1:-machine}
export BPSC_GROWTH_BLOCK=${3:-10}

case $what in
machine) BPSC_GROWTH=${2:-10000000} exec go test ./store -run '^TestGrowth$' -count=1 -v -timeout 2h ;;
members) BPSC_GROWTH=${2:-2000000} exec go test ./e2e/operations -run '^TestLongChain$' -count=1 -v -timeout 2h ;;
*)
  echo "usage: scripts/growth.sh [machine|members] [TRANSFERS] [RECORDS-A-BLOCK]" >&2
  exit 2
  ;;
esac
