#!/usr/bin/env bash
# Builds the Debian package, and prints its path.
#   scripts/package.sh [--binary FILE] [FOLDER]     FOLDER: .bpsc/package
# GOARCH is the machine that it is for. --binary packs a bpsc that is already built.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/prerequisites.sh
. "$root/scripts/prerequisites.sh"

binary=""
if [ "${1-}" = --binary ]; then
  [ $# -ge 2 ] || die "--binary wants a file"
  binary=$(realpath -- "$2")
  shift 2
fi
[ $# -le 1 ] || die "usage: scripts/package.sh [--binary FILE] [FOLDER]"
folder=$(realpath -m -- "${1:-$root/.bpsc/package}")
need_go "$root"
cd "$root"
mkdir -p "$folder"
GOARCH=$(go env GOARCH)
BUILT=$(mktemp -d)
trap 'rm -rf "$BUILT"' EXIT

if [ -n "$binary" ]; then
  cp "$binary" "$BUILT/bpsc"
else
  scripts/build.sh "$BUILT/bpsc"
fi
# The same commit makes the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
# What describes the program is printed by one that runs on this machine.
here=$BUILT/bpsc
if [ "$GOARCH" != "$(go env GOHOSTARCH)" ]; then
  here=$BUILT/here
  GOARCH="" scripts/build.sh "$here"
fi
# Settings of whoever builds are no defaults.
for variable in "${!BPSC_@}"; do unset "$variable"; done
mkdir "$BUILT/man" "$BUILT/completions"
"$here" man "$BUILT/man"
gzip -9n "$BUILT"/man/*
for shell in bash zsh fish; do "$here" completion "$shell" >"$BUILT/completions/$shell"; done

VERSION=$("$here" version | sed -n 's/^bpsc \([^,]*\),.*/\1/p')
export BUILT VERSION GOARCH
GOARCH="" go -C packaging build -o "$BUILT/deb" ./deb
"$BUILT/deb" packaging/deb/nfpm.yaml "$folder"
