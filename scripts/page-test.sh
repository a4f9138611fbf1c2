#!/usr/bin/env bash
# Tests of the page's modules that need no browser: amounts, sentences, routes, failover,
# receipts, signing.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/prerequisites.sh
. "$root/scripts/prerequisites.sh"
need_certificates
need_node "$root"

find "$root/api/page/test" -name "*.test.mjs" -print0 | sort -z | xargs -0 node --test
