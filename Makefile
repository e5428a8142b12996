# What a person types. `make help` lists it; CI runs `make check`.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X bascule/internal/cli.Version=$(VERSION)
FUZZTIME ?= 20s
BENCH    ?=
DRILL    ?= failover
DEMO     ?=

SCRIPTS := .ci/run $(wildcard scripts/*) $(wildcard test/*.sh)
LINTER  := bin/golangci-lint

# Debian keeps haproxy and nginx where a normal user's PATH does not look.
export PATH := $(PATH):/usr/sbin:/sbin

.DEFAULT_GOAL := build
.PHONY: help build test race lint fuzz bench demo drill docs check deps clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/bascule, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/bascule ./cmd/bascule

demo: build ## the fleet, the balancer and a live view (DEMO='--for 20s' for flags)
	bin/bascule demo $(DEMO)

test: ## every test; installs with apt what the tests run, or names it and stops
	@scripts/deps test
	$(GO) test ./...

race: ## every test under the race detector
	@scripts/deps test race
	CGO_ENABLED=1 $(GO) test -race ./...

lint: $(LINTER) ## gofmt, vet, staticcheck and friends over Go; shellcheck over scripts
	@scripts/deps lint
	$(LINTER) run ./...
	shellcheck $(SCRIPTS)

# The linter is pinned in tools/go.mod; the file's date says which pin was built.
$(LINTER): tools/go.mod tools/go.sum
	cd tools && CGO_ENABLED=0 $(GO) build -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

fuzz: ## every fuzz target, one after the other, FUZZTIME each (20s)
	scripts/fuzz $(FUZZTIME)

bench: build ## CPU per request against Debian's HAProxy and nginx (BENCH='--rows h1-64')
	@scripts/deps bench
	BASCULE=$(abspath bin/bascule) $(GO) run ./test/bench $(BENCH)

drill: build ## break things on purpose and report what was lost (DRILL=failover)
	@scripts/deps drill
	bin/bascule drill $(DRILL)

docs: build ## write the generated pages again
	bin/bascule doc --reference > docs/reference.md.new
	mv docs/reference.md.new docs/reference.md

check: ## what CI runs, step by step with its times
	.ci/run

deps: ## install with apt what tests, race, lint, bench and drill run
	scripts/deps test race lint bench drill

clean: ## remove what was built
	rm -rf bin
