#!/usr/bin/env bash
# Builds the binary as it is packaged: static, and without the paths of this machine.
#   scripts/build.sh FILE      GOOS and GOARCH as for go build
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: scripts/build.sh FILE" >&2; exit 2; }
out=$(realpath -m -- "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
CGO_ENABLED=0 go build -trimpath -o "$out" ./cmd/bpsc
