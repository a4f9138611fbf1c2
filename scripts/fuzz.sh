#!/usr/bin/env bash
# Runs every fuzz target for a while, one after the other: scripts/fuzz.sh [TIME]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
time=${1:-30s}

go list -f '{{.Dir}}' ./... | while read -r dir; do
  { grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go 2>/dev/null || true; } |
    while read -r _ target; do
      echo "== ${dir#"$root"/} $target"
      go test "$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$time" </dev/null
    done
done
