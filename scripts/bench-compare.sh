#!/usr/bin/env bash
# What became faster or slower since a commit: this tree, with what is not committed, beside
# that commit, in turns and by ratio. Three members of each under load, then the benchmarks of
# the packages through benchstat. Prints Markdown. It ends with 0 whatever the ratios are:
# whoever reads them judges; another code says that it could not measure.
#   scripts/bench-compare.sh [BASE] [OPTION...]   BASE is HEAD~1 unless named; about ten minutes
#       --rounds N, --row D, --short: as for the load; MICRO=N runs of each benchmark (6, 0 for none)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=scripts/prerequisites.sh
. scripts/prerequisites.sh

need_certificates
need_go "$root"
[ "$(uname)" = Linux ] || die "who uses the cores is read from /proc, which only Linux has"

base=HEAD~1
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  base=$1
  shift
fi
commit=$(git rev-parse --verify --quiet "$base^{commit}") || die "there is no commit $base here; a shallow clone has the newest one only"
micro=${MICRO:-6}

work=$(mktemp -d)
trap 'git worktree remove --force "$work/before" 2>/dev/null || true; rm -rf "$work"' EXIT
git worktree add --quiet --detach "$work/before" "$commit"
"$work/before/scripts/build.sh" "$work/bpsc-before"
scripts/build.sh "$work/bpsc-now"
CGO_ENABLED=0 go build -C e2e/peers -mod=readonly -trimpath -o "$work/peers" .

printf '## This tree beside %s\n\n' "$(git log -1 --format='%h (%s)' "$commit")"
failed=0
"$work/peers" compare -base "$work/bpsc-before" -head "$work/bpsc-now" -data .bpsc/bench "$@" || failed=1
[ "$micro" -gt 0 ] || exit "$failed"

# Those that make a long chain before they measure anything take too long for this.
long='AccountAt|Adopt|Audit|CatchUp|Follow|ReadBlocks|ReadByID|Replay|ThousandContracts'

# Each package's benchmarks, once of each tree, as often as asked for: what slows the machine
# down for a while slows both. Packages that have none in one of the trees are left out.
bins=()
while IFS= read -r package; do
  name=${package//\//-}
  if [ -d "$work/before/$package" ] && grep -qs '^func Benchmark' "$work/before/$package"/*_test.go &&
    go test -c -o "$work/$name.now" "./$package" &&
    go test -C "$work/before" -c -o "$work/$name.before" "./$package"; then
    bins+=("$package")
  fi
done < <(git grep -l --untracked '^func Benchmark' -- '*_test.go' ':!e2e' | xargs -n 1 dirname | sort -u)

for _ in $(seq "$micro"); do
  for package in "${bins[@]}"; do
    for tree in before now; do
      dir=$root
      [ "$tree" = now ] || dir=$work/before
      (cd "$dir/$package" && "$work/${package//\//-}.$tree" -test.run '^$' -test.bench . -test.skip "$long" \
        -test.benchtime 30ms -test.benchmem -test.timeout 5m >"$work/output") || {
        echo "benchmarks of $package, $tree, did not all run:" >&2
        grep -v '^Benchmark' "$work/output" >&2
      }
      cat "$work/output" >>"$work/$tree.txt"
    done
  done
done
printf '\n## Benchmarks of the packages\n\n```\n'
go run -C e2e/peers -mod=readonly golang.org/x/perf/cmd/benchstat "before=$work/before.txt" "now=$work/now.txt" || failed=1
printf '```\n"~" is a difference that %s runs of each cannot tell from noise.\n' "$micro"
exit "$failed"
