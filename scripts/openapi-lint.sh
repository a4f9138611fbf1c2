#!/usr/bin/env bash
# docs/openapi.json by the rules of redocly (scripts/openapi-lint/redocly.yaml): what makes a
# description hard to read or to generate clients from. Tests of package api hold it to the nodes.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/prerequisites.sh
. "$root/scripts/prerequisites.sh"
need_certificates
need_node "$root"

tools=$root/.bpsc/tools/openapi-lint
mkdir -p "$tools"
if ! cmp -s "$root/scripts/openapi-lint/package-lock.json" "$tools/package-lock.json" || [ ! -x "$tools/node_modules/.bin/redocly" ]; then
  cp "$root/scripts/openapi-lint/package.json" "$root/scripts/openapi-lint/package-lock.json" "$tools"
  (cd "$tools" && npm ci --ignore-scripts --no-audit --no-fund --silent)
fi

# It asks nobody and tells nobody: no figures about who lints, no look for a newer version.
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true REDOCLY_SUPPRESS_NOTIFICATIONS=true
"$tools/node_modules/.bin/redocly" lint --config "$root/scripts/openapi-lint/redocly.yaml" --lint-config error "$root/docs/openapi.json"
