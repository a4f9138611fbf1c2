#!/usr/bin/env bash
# Builds the binary as it is packaged: static, without the paths of this machine, and without what
# gin has for a format that bpsc does not speak (nomsgpack): a library that takes a tenth of the time
# in which all is compiled, and a sixth of the binary.
#   scripts/build.sh FILE      GOOS and GOARCH as for go build
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: scripts/build.sh FILE" >&2; exit 2; }
out=$(realpath -m -- "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
CGO_ENABLED=0 go build -trimpath -tags nomsgpack -o "$out" ./cmd/bpsc
