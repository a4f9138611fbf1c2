#!/usr/bin/env bash
# Other people's software for C2SP reads a cluster: e2e/foreign, a module that needs a newer
# Go than bpsc does, which the go command fetches. golangci-lint is of the older Go and cannot
# read it, and `go mod tidy` wants a module that not every proxy has (main_test.go there), so
# here it is vetted, and built with go.mod as it is. scripts/test.sh leaves it out: that Go and a
# database in translated C take minutes to compile.
#
# usage: scripts/foreign.sh
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/prerequisites.sh
. "$root/scripts/prerequisites.sh"
need_go "$root"

toolchain=$(awk '$1 == "toolchain" { print $2 }' "$root/e2e/foreign/go.mod")
if ! GOTOOLCHAIN=$toolchain go version; then
  echo "skipped: $toolchain cannot be had from here"
  exit 0
fi
foreign() { (cd "$root/e2e/foreign" && GOTOOLCHAIN=$toolchain GOFLAGS=-mod=readonly go "$@"); }
foreign vet ./...
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$root/scripts/build.sh" "$work/bpsc"
BPSC_BINARY=$work/bpsc foreign test -vet=off -count=1 -v -timeout 5m ./...
