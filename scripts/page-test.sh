#!/usr/bin/env bash
# Tests of the page's modules that need no browser: amounts, sentences, routes, failover.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/prerequisites.sh
. "$root/scripts/prerequisites.sh"
need_certificates
need_node "$root"

cd "$root/api/page"
node --test test/*.test.mjs test/*/*.test.mjs
