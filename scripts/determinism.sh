#!/usr/bin/env bash
# One log, replayed in many ways: the same bytes each time. What the unit tests do with this
# program alone (fsm/determinism_test.go) is done here with a longer log, and with this
# source under the race detector, for arm64 by an emulator, and, with --base, as it was at
# another commit. The data folders of releases are replayed as well.
set -euo pipefail

usage() {
  cat >&2 <<'TEXT'
usage: scripts/determinism.sh [--seed N] [--moments N] [--base COMMIT]

Replays a log of N moments (150) that follows from the seed (1). With --base the program of
COMMIT replays it, too; COMMIT has to have fsm/determinism_test.go. It must know all that
the log may have: a release before a new level does not.
TEXT
  exit 2
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=scripts/prerequisites.sh
. scripts/prerequisites.sh

seed=1 moments=150 base=
while [ $# -gt 0 ]; do
  [ $# -gt 1 ] || usage
  case $1 in
    --seed) seed=$2 ;;
    --moments) moments=$2 ;;
    --base) base=$2 ;;
    *) usage ;;
  esac
  shift 2
done

need_commands gcc=build-essential git=git
need_go "$root"
dir=$root/.bpsc/determinism
mkdir -p "$dir"
past=$dir/base
finish() { [ ! -e "$past" ] || git worktree remove --force "$past"; }
trap finish EXIT
export GOFLAGS=-trimpath GORACE=atexit_sleep_ms=0

echo "building for amd64, with the race detector and for arm64"
CGO_ENABLED=0 go test -c -vet=off -o "$dir/plain.test" ./fsm
CGO_ENABLED=1 go test -c -vet=off -race -tags pebblegozstd -o "$dir/race.test" ./fsm
programs="race=$dir/race.test"

native=$(go env GOARCH)
other=arm64 emulator=qemu-aarch64-static
[ "$native" != arm64 ] || { other=amd64 emulator=qemu-x86_64-static; }
CGO_ENABLED=0 GOARCH=$other go test -c -vet=off -o "$dir/$other.test" ./fsm
if [ "$(uname)" = Linux ]; then
  need_commands "$emulator=qemu-user-static"
  programs="$programs;$other=$emulator $dir/$other.test"
else
  echo "not run: $other, as there is no emulator of one program for this system"
fi

if [ -n "$base" ]; then
  git worktree add --detach --quiet "$past" "$base"
  [ -e "$past/fsm/determinism_test.go" ] || die "$base cannot replay a log: it has no fsm/determinism_test.go"
  (cd "$past" && CGO_ENABLED=0 go test -c -vet=off -o "$dir/base.test" ./fsm)
  programs="$programs;$base=$dir/base.test"
fi

cd fsm
BPSC_SEED=$seed BPSC_REPLAY_MOMENTS=$moments BPSC_REPLAY_PROGRAMS=$programs \
  "$dir/plain.test" -test.run '^(TestTheSameLogComesToTheSame|TestAnotherOutcomeIsFound|TestAChronicleHasEverything)$' -test.v -test.timeout 60m |
  grep -vE '^=== (RUN|PAUSE|CONT)'
cd ..
CGO_ENABLED=0 go test -vet=off -count=1 -v -run '^TestLogsOfReleasesAreReplayed$' ./e2e | grep -vE '^=== (RUN|PAUSE|CONT)'
echo "seed $seed: the same bytes everywhere"
