# What a person types. `make help` lists it; CI runs `make check`.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X bascule/internal/cli.Version=$(VERSION)
FUZZTIME ?= 20s
BENCH    ?=
BEFORE   ?=
DRILL    ?=
HOSTS    ?=
DEMO     ?=
DIFFERENTIAL ?=
SEEDS    ?= 10000
SIM      ?=
PAGE     ?= --pictures docs/images

SCRIPTS := .ci/run $(wildcard scripts/*) $(wildcard deploy/ansible/tests/*.sh test/*/*.sh) $(addprefix deploy/deb/,build postinst prerm postrm) deploy/systemd/relieve
LINTER  := bin/golangci-lint

# Debian keeps haproxy and nginx where a normal user's PATH does not look.
export PATH := $(PATH):/usr/sbin:/sbin

.DEFAULT_GOAL := build
.PHONY: help build test race lint fuzz bench bench-pairs page demo differential nightly sim drill stock-tools tls-scan hosts hosts-lxd docs check deb deps clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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

fuzz: ## every fuzz target, FUZZTIME each (20s), as many at once as there are processors
	scripts/fuzz $(FUZZTIME)

bench: build ## CPU per request and memory against Debian's HAProxy and nginx (BENCH='--rows h1-64')
	@scripts/deps bench
	BASCULE=$(abspath bin/bascule) $(GO) run ./test/bench --trend test/bench/trend.jsonl $(BENCH)

bench-pairs: build ## CPU per request of this tree against BEFORE, a revision or a binary (BENCH='--rows h1-16k --turns 800')
	@scripts/deps bench
	@test -n "$(BEFORE)" || { echo "make bench-pairs BEFORE=<git revision or binary>"; exit 2; }
	BASCULE=$(abspath bin/bascule) $(GO) run ./test/bench --before '$(BEFORE)' $(BENCH)

page: build ## the live page in Chromium: the pictures of the manual, and how long its script holds the browser (PAGE='--trace 30s')
	@scripts/deps test
	BASCULE=$(abspath bin/bascule) $(GO) run ./test/page $(PAGE)

differential: build ## the same traffic at HAProxy (DIFFERENTIAL='--seed 7 --for 1h')
	@scripts/deps test
	BASCULE=$(abspath bin/bascule) $(GO) run ./test/differential $(DIFFERENTIAL)

nightly: ## what takes hours: ten minutes for each fuzz target, a million fleets, an hour of generated traffic
	$(MAKE) fuzz FUZZTIME=10m
	$(GO) test -tags mutants ./test/sim -run TestBugsInTheDecisions -timeout 60m
	$(MAKE) sim SEEDS=1000000 SIM="-seed $$(date +%Y%m%d)000000 -timeout 6h"
	$(MAKE) differential DIFFERENTIAL="--for 1h --seed $$(date +%Y%m%d)"

sim: ## fleets on virtual time under random faults, SEEDS of them (SIM='-seed 7 -seeds 1 -v' tells one)
	$(GO) test ./test/sim -count 1 -timeout 20m -run TestSeeds -seeds $(SEEDS) $(SIM)

drill: build ## break things on purpose and report what was lost (DRILL='--faults kill')
	@scripts/deps drill
	bin/bascule drill $(DRILL)

stock-tools: build ## Debian's hatop and prometheus-haproxy-exporter, as they are, against bascule under load (SECONDS=60)
	@scripts/deps test
	BASCULE=$(abspath bin/bascule) scripts/stock-tools $(or $(SECONDS),60)

tls-scan: build ## testssl.sh and sslscan against the demo's HTTPS: some minutes
	@scripts/deps test scan
	BASCULE=$(abspath bin/bascule) scripts/tls-scan

hosts: build ## the roles on seven booted Debian hosts, failover, deploys and reloads there (HOSTS='--steps site,failover'); needs root
	@scripts/deps hosts
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -o bin/hosts ./test/hosts
	bin/hosts $(HOSTS)

hosts-lxd: build ## the balancer's container on Debian's LXD, made and provisioned by the playbook; needs root
	@scripts/deps hosts lxd
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -o bin/hosts ./test/hosts
	bin/hosts --lxd $(HOSTS)

docs: build ## write the generated pages again
	bin/bascule doc --reference > docs/reference.md.new
	mv docs/reference.md.new docs/reference.md

check: ## what CI runs, step by step with its times
	.ci/run

deb: build ## dist/bascule_VERSION_ARCH.deb, by dpkg-deb
	deploy/deb/build bin/bascule '$(VERSION)' dist

deps: ## install with apt what tests, race, lint, bench and drill run
	scripts/deps test race lint bench drill

clean: ## remove what was built
	rm -rf bin dist
