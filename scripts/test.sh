#!/usr/bin/env bash
# Every check of the project, from a fresh clone: format, go.mod, linters, the
# import rule, race-enabled unit tests, end-to-end tests on real processes.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=scripts/prerequisites.sh
. scripts/prerequisites.sh

# Whatever has no race detector in it is built as bpsc itself is (scripts/build.sh), so that
# libraries are compiled once for all; with another setting each would be, once for each.
export CGO_ENABLED=0 GOFLAGS='-trimpath -tags=nomsgpack'

govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.9.0

heading() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }

# Compiling the linters takes minutes, and the tests wait most of the time: what they do not
# need, and what nobody waits for, runs beside them (beside NAME COMMAND...), with the processor
# time that they leave, and its outcome is asked for at the end.
declare -A running=()
mkdir -p .bpsc
beside() {
  set -m # a group of processes of its own, which can be ended as one
  nice -n 19 "${@:2}" >".bpsc/$1.log" 2>&1 &
  set +m
  running[$1]=$!
}
finished() {
  local code=0
  wait "${running[$1]}" || code=$?
  unset "running[$1]"
  [ "$code" = 0 ] || { cat ".bpsc/$1.log"; die "$1 fails"; }
}
end_all() {
  local group
  for group in "${running[@]}"; do kill -- "-$group" 2>/dev/null || true; done
}
trap end_all EXIT

heading "What the tests need"
need_certificates
# The race detector needs a C compiler; the end-to-end tests run a tutorial's
# follower in Python and the scripts with curl.
need_commands curl=curl python3=python3 gcc=build-essential make=make shellcheck=shellcheck
need_promtool "$root"
need_node "$root"
# The tests of the packages boot a machine.
[ "$(uname)" != Linux ] || need_commands systemd-analyze=systemd ip=iproute2 nsenter=util-linux
need_go "$root"
go version

heading "Format"
unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || die "not formatted, run 'make fmt': $unformatted"

heading "go.mod and go.sum"
go mod tidy -diff

beside lint make --no-print-directory lint
beside modules scripts/modules.sh

heading "Known vulnerabilities"
if curl -fsS --max-time 10 -o /dev/null https://vuln.go.dev/index/db.json 2>/dev/null; then
  go run "$govulncheck" ./...
else
  echo "not checked: the database of vulnerabilities cannot be reached from here"
fi

heading "Imports run one way"
go test -vet=off -count=1 ./internal/imports

# The race detector makes what computes ten times as dear, Pebble and random cases above all,
# and more of it finds no more races: with it such tests are left out, or try fewer cases
# (-short), and so are packages in which nothing happens at one time, and the command line,
# which does one thing after another and brings a fifth of all that would have to be compiled
# anew; of fsm, what others call at one time. All of them run without, and `make race` is all with.
packages=$(go list -f '{{.Dir}}' ./... | sed "s|^$root|.|" | grep -vE '^\./(e2e|internal/imports)(/|$)')
racing=() alone=()
for package in $packages; do
  if [[ "$package" != ./cmd/* ]] && [ "$package" != ./fsm ] && grep -qE '\bgo func|\.Go\(|"sync|^\s*go [a-z]' "$package"/*.go; then
    racing+=("$package")
  else
    alone+=("$package")
  fi
done
computing='^(TestNoMemberEverSigns|TestWhatBreaksClientsIsFound|TestReferenceIsServed|TestDocumentIsValid|TestChainsNobodyNamedAreBounded)'

# What `go test` looks for by go vet the linters have found, for all packages at once: here
# it would read every dependency again, with the race detector and without.
heading "Unit tests with the race detector"
export GORACE=atexit_sleep_ms=0 # otherwise each process that ends waits a second
# The race detector is written in C. What Pebble compresses by is not: bpsc has it in Go.
race() { CGO_ENABLED=1 go test -vet=off -race -tags pebblegozstd,nomsgpack -timeout 10m "$@"; }
race -short ./cluster ./store "${racing[@]}" # what takes longest begins first
race -short ./fsm -run 'SideBySide|Prepared|OutsideOfApply|TheSameLog'

heading "What computes, with all of its cases, and where libraries have races"
go test -vet=off -timeout 10m ./store ./chain ./wallet "${alone[@]}"
go test -vet=off -timeout 10m ./attest ./api ./witness -run "$computing"
go test -vet=off -timeout 10m ./cluster -run '^(TestAnotherAddress|TestFlippedBytesInTheLog|TestTheLogIsBoundedInBytes|TestTheLogMovesToAnotherStore|TestFileThatWentBack)$'

heading "End-to-end tests on real processes"
# Those that run beside others wait, most of the time. Where one hangs Go prints thousands of
# lines of stacks: which tests, and since when, is said again at the end.
if ! go test -vet=off ./e2e/... -count=1 -parallel 3 -timeout 20m | tee .bpsc/e2e.log; then
  grep -E '^(--- FAIL|FAIL|panic:|SIGQUIT|fatal error:|\*\*\*)|^\s+Test[A-Z].* \([0-9]|, [0-9]+ minutes|^github\.com/bpsc/bpsc/e2e\S*\.(Test|\(\*)' .bpsc/e2e.log | tail -n 60 || true
  die "an end-to-end test fails; all of it is in .bpsc/e2e.log"
fi

heading "The Postman collection on a cluster"
scripts/postman.sh >.bpsc/postman.log || { cat .bpsc/postman.log; die "the collection of docs/postman fails"; }
tail -n 22 .bpsc/postman.log

# Beside nothing that makes network interfaces: a browser then breaks off whatever it loads.
heading "The page: its modules, and all of it in a real browser"
scripts/page-test.sh
scripts/browser.sh

heading "The fault laboratory, for two rounds of one seed"
scripts/faults.sh --seed 5 --rounds 2 --round 8s --faults kill-leader,kill-all,pause-leader,cut-leader,split,slow,disk-eio-sync,damage-state

heading "What stands apart: Docker's and Kubernetes' files, the peers, the OpenAPI document"
finished modules

heading "golangci-lint, with go vet and staticcheck in it, and shellcheck"
finished lint

printf '\nAll checks passed in %d s.\n' "$SECONDS"
