#!/usr/bin/env bash
# Breaks the product in one line at a time, in a scratch copy, and shows that a named test
# notices each:
#
#   scripts/mutations.sh                  all of e2e/mutations/*.txt
#   scripts/mutations.sh --only NAME[,NAME]
#   scripts/mutations.sh --list
#
# It fails where a test does not notice, or a line to break is not there any more.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/prerequisites.sh
. scripts/prerequisites.sh
need_go "$PWD"

export CGO_ENABLED=0 GOFLAGS='-trimpath -tags=nomsgpack' # as bpsc itself is built, so that libraries are compiled once
# Not by go run, which would leave the end of a test to whoever presses Ctrl-C.
mkdir -p .bpsc/bin
go build -o .bpsc/bin/mutations ./e2e/mutations
exec .bpsc/bin/mutations "$@"
