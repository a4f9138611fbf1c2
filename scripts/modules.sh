#!/usr/bin/env bash
# What stands apart from bpsc, needs no cluster and does not mind how long it takes: what is handed
# to Docker and Kubernetes, what reads the peers' benchmarks, the OpenAPI document by a linter's
# rules. scripts/test.sh runs it beside the tests.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

(cd packaging && go mod tidy -diff && go vet ./... && go test -vet=off ./...)
(cd e2e/peers && go vet . && go test -vet=off .)
scripts/openapi-lint.sh
