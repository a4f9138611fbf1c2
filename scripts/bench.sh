#!/usr/bin/env bash
# The load benchmark: three members and the load generator on this machine.
# Options go to the generator; scripts/bench.sh -h lists them.
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
CGO_ENABLED=0 go build -trimpath -o .bpsc/bin/bench ./e2e/bench
exec .bpsc/bin/bench -binary .bpsc/bin/bpsc -data .bpsc/bench "$@"
