# The names people try first. Each is one command; the scripts hold the rest.

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
PACKAGES  = $(shell go list ./... | grep -v /e2e)

.DEFAULT_GOAL := help

help: ## this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the binary, as .bpsc/bin/bpsc
	scripts/build.sh .bpsc/bin/bpsc

package: ## the Debian package, in .bpsc/package
	scripts/package.sh

test: ## every check, as CI runs it
	scripts/test.sh

short: ## unit tests only
	go test -short ./...

race: ## unit tests with the race detector
	CGO_ENABLED=1 go test -race $(PACKAGES)

e2e: ## end-to-end tests on real processes
	go test ./e2e/... -count=1 -v -timeout 15m

sim: ## SEEDS (1000) simulated minutes of whole clusters with faults, from SEED (1) on
	BPSC_SEED=$(or $(SEED),1) BPSC_SEEDS=$(or $(SEEDS),1000) BPSC_SHRINK=1 go test ./e2e/sim -run '^TestSeeds$$' -count=1 -v -timeout 0

mutations: ## each line that is broken on purpose is noticed by a named test (ONLY=NAME for one)
	scripts/mutations.sh $(if $(ONLY),--only $(ONLY))

faults: ## MINUTES (10) of a cluster on machines of its own that SEED (1) breaks; FAULTS (all); a report in .bpsc/faults
	scripts/faults.sh --seed $(or $(SEED),1) --minutes $(or $(MINUTES),10) --faults $(or $(FAULTS),all)

soak: ## MINUTES (60) of the same without faults: what processes use stays flat
	scripts/faults.sh --seed $(or $(SEED),1) --faults none --round 60s --minutes $(or $(MINUTES),60)

determinism: ## one log replayed in many ways, under the race detector, on arm64, and by BASE if given: same bytes
	scripts/determinism.sh $(if $(BASE),--base $(BASE))

sim-broken: ## one line of the product broken at a time, and which seeds and rules find it; half an hour
	BPSC_BROKEN=1 go test ./e2e/sim -run '^TestBrokenBuildsAreFound$$' -count=1 -v -timeout 0

sim-exact: ## SEEDS (10) simulated minutes, each twice, on a Go runtime that goes by the seed
	BPSC_EXACT=1 BPSC_SEED=$(or $(SEED),1) BPSC_SEEDS=$(or $(SEEDS),10) go test ./e2e/sim -run '^TestTheSameSeedIsTheSameRunToTheLastStep$$' -count=1 -v -timeout 0

browser: ## the page in a real browser, on a real cluster
	scripts/browser.sh

foreign: ## other people's software for C2SP reads a cluster
	scripts/foreign.sh

operations: ## every procedure of docs/operations.md on real processes, about half an hour
	BPSC_OPERATIONS=1 go test ./e2e/operations -count=1 -v -timeout 60m

growth: ## what ten million transfers cost a state machine, and two million a cluster
	scripts/growth.sh machine
	scripts/growth.sh members

misuse: ## ten thousand clients that misbehave, and what they cost somebody with a token
	BPSC_MISUSE=10000 go test ./e2e/misuse -run Strangers -count=1 -v -timeout 10m

overload: ## a minute of what the members can take and one of three times that, of each kind; its figures are to hold
	BPSC_OVERLOAD=1m go test ./e2e -run Overload -count=1 -v -timeout 15m

fuzz: ## every fuzz target for TIME (30s)
	scripts/fuzz.sh $(TIME)

bench: ## the load benchmark
	scripts/bench.sh

bench-peers: ## bpsc beside etcd and NATS, about twelve minutes
	scripts/bench.sh --peers

bench-compare: ## this tree beside BASE (HEAD~1): what became faster or slower
	scripts/bench-compare.sh $(BASE)

openapi: ## docs/openapi.json and what is made from it; what would break clients is refused
	BPSC_WRITE_OPENAPI=1 go test ./api -run '^TestDocumentIsTheOneGivenOut$$' -count=1

postman: ## the walks of the Postman collection, run by newman on a cluster
	scripts/postman.sh

openapi-lint: ## docs/openapi.json by the rules of redocly
	scripts/openapi-lint.sh

docs: openapi ## the documents that are made from the program
	go test ./cmd/bpsc -run TestTheReferenceOfCommandsIsWhatTheySay -count=1 -update

fmt: ## format the Go files
	gofmt -w .

lint: ## golangci-lint and shellcheck
	go run $(GOLANGCI) run
	shellcheck -x scripts/*.sh .ci/run

demo: ## the whole story on a cluster of its own
	scripts/cluster.sh demo

up: ## a cluster of three members on this machine
	scripts/cluster.sh up

down: ## stop it
	scripts/cluster.sh down

clean: ## binaries and leftovers of demos and benchmarks; clusters keep their data
	rm -rf .bpsc/bin .bpsc/bench .bpsc/demo.*

.PHONY: help build package test short race e2e sim sim-broken sim-exact mutations browser operations growth misuse fuzz bench bench-peers bench-compare openapi openapi-lint docs postman fmt lint demo up down clean faults soak
