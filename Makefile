# Everything a developer does. `make run` and `make test` do all their own set-up in folders of this project.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The tools and their versions.
include tools.mk

# Every build but those for release selects the whole workspace. Cargo gives a crate the features that all selected packages
# want of it, so that each other selection would compile most of the dependencies once more. `make lint` alone selects each
# function too: what differs is only checked, which takes a minute and a half once and seconds afterwards.
BUILD := cargo build --workspace --bins
TEST := cargo test --workspace

.PHONY: help run reset test test-end-to-end test-browser test-api test-deploy sam-build test-peers test-clients test-dynamodb-local test-crashes test-orders simulate test-look-backs test-lists test-totals load release bench bench-check bench-baseline bench-growth bench-totals bench-experiments bench-page fuzz check deny advisories openapi openapi-release lint lint-template lint-openapi

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 21

run: export PAYLINK_LOCAL_ENDS_WITH_PARENT := yes
run: tools ## Run the whole product on this machine
	cargo run --bin paylink-local

reset: ## Forget the data of `make run`
	rm -rf .paylink

# The programs are built before the tests, one of which runs them.
test: tools ## Run the test suite, but for what needs a browser or another engine
	$(BUILD)
	$(TEST)

test-end-to-end: tools ## Run only the tests that drive the built functions over HTTP
	$(BUILD)
	$(TEST) --test suite end_to_end::

test-browser: tools $(BROWSER_TESTS) ## Run the tests of the pages in Chromium (needs Chromium and Node.js); pictures in target/screenshots
	@command -v chromium >/dev/null || { echo 'error: Chromium is missing; Debian has it as chromium, with fonts-noto-core' >&2; exit 1; }
	$(BUILD)
	cd tests/browser && CHROMIUM="$$(command -v chromium)" npm test --silent

test-api: tools $(SCHEMATHESIS) ## Run thousands of calls made up from the OpenAPI document against the whole product (needs Python)
	$(BUILD)
	tests/api/run.sh

test-deploy: $(MINISTACK) $(SAM) ## Deploy template.yaml to an emulator of AWS by the guide, and use it (needs Python and binutils)
	$(BUILD)
	$(dir $(MINISTACK))python tests/deploy/run.py

# The build of docs/deploy.md itself, with the SAM CLI of these tools. It takes as long as six release builds for another
# processor do, so that nothing else calls it.
BUILT := target/sam-build
sam-build: $(SAM) ## Build every function for Lambda's arm64 as docs/deploy.md does, and look at what came out (needs Python and the Rust target)
	PATH="$(abspath $(dir $(SAM))):$$PATH" $(MAKE) tools-deploy
	rustup target add aarch64-unknown-linux-gnu
	PATH="$(abspath $(TOOLS))/lambda/bin:$(abspath $(dir $(SAM))):$$PATH" SAM_CLI_TELEMETRY=0 sam build --build-dir $(BUILT)
	python3 tests/deploy/built.py $(BUILT) arm64

test-peers: $(PEERS) ## Run the gateways' official clients against the simulators (needs Node.js and Python)
	PAYLINK_PEERS_PYTHON=$(abspath $(PEERS_PYTHON)) $(TEST) --test suite peers:: -- --nocapture

test-clients: $(CLIENTS) ## Make clients of the OpenAPI document by five generators, compile them and use them (needs Python, Java, and PHP with Guzzle)
	@for tool in java php; do command -v $$tool >/dev/null || { echo "error: $$tool is needed for the client in PHP" >&2; exit 1; }; done
	tests/clients/generate.sh
	PAYLINK_CLIENTS_TOOLS=$(abspath $(TOOLS)/clients/bin) $(TEST) --test suite clients:: -- --nocapture

# MODULES names those that are run, or with ^ those that are not.
MODULES ?=
test-dynamodb-local: tools $(DYNAMODB_LOCAL) ## Run the tests of the store and the functions on Amazon's DynamoDB Local (needs Java and npm)
	tests/dynamodb-local.sh $(DYNAMODB_LOCAL) $(MODULES)

# The proofs try everything, or one in EVERY, or what PAYLINK_SECONDS leave time for. What these are, and what chance does,
# follows from PAYLINK_SEED: from the commit where nobody says otherwise, so that each commit tries something else.
EVERY ?= 1
export PAYLINK_SEED ?= $(shell git rev-parse HEAD 2>/dev/null)
PROOF := $(TEST) --test proofs

test-crashes: ## Stop every function at every call it makes, in every way, and let the world go on; PAYLINK_SECONDS=300 tries what there is time for, EVERY=7 one in seven
	PAYLINK_EVERY_POINT=$(EVERY) $(PROOF) crash_sweep:: -- --nocapture

test-orders: ## Let everything that can come in about a payment come in, in every order; PAYLINK_SECONDS=300 tries what there is time for, EVERY=29 all at one gateway and one in 29 of the others
	PAYLINK_EVERY_ORDER=$(EVERY) $(PROOF) orders:: -- --nocapture

SEEDS ?= 1000
simulate: ## Tell SEEDS=1000 stories in which chance makes calls go wrong; FIRST_SEED=7 SEEDS=1 tells one again, PAYLINK_SECONDS=300 as many as there is time for
	SEEDS=$(SEEDS) $(PROOF) simulation:: -- --nocapture

LOOKS ?= 1000
test-look-backs: ## Look LOOKS=1000 times at accounts' own lists, with trouble in between; PAYLINK_SECONDS=60 looks as often as there is time for
	LOOKS=$(LOOKS) $(PROOF) look_backs:: -- --nocapture

# As many show it as the bounds need, unless LINKS names another number.
test-lists: ## Fill a business with LINKS=1000000 links, and hold every page of its lists against a plain filter over all of them
	$(if $(filter command line environment,$(origin LINKS)),LINKS=$(LINKS)) $(PROOF) many_links:: -- --nocapture

test-totals: ## Fill a business with LINKS=365000 links that are over and LIVE=100000 that are live, and hold its totals against a plain sum
	$(if $(filter command line environment,$(origin LINKS)),LINKS=$(LINKS)) $(if $(LIVE),LIVE=$(LIVE)) $(PROOF) many_totals:: -- --nocapture

LINKS ?= 300
AT_ONCE ?= 200
DUE ?= 100000
ROWS ?= 10000
load: ## Take LINKS=300 links, AT_ONCE=200 at a time, through their whole life, and check the books; serve a business beside one with DUE=100000 due links and others that hang; make a batch of ROWS=10000 beside ordinary work
	LINKS=$(LINKS) AT_ONCE=$(AT_ONCE) DUE=$(DUE) ROWS=$(ROWS) $(PROOF) load:: -- --nocapture

# Each function is built alone, as it is for Lambda: a build of several would give each the features of all. The program
# that measures is not what is measured, so that it has a profile that builds in less time.
FUNCTIONS := $(notdir $(wildcard functions/*))
release:
	@for function in $(FUNCTIONS); do cargo build --quiet --release --package $$function; done

BENCH := cargo run --quiet --bin bench

bench: release $(BENCH_PEERS) ## Measure the functions and two peers as Lambda would run them (needs Node.js, Python, cmake, autoconf, automake, libtool)
	$(BENCH)

bench-check: release ## Compare counts, sizes and memory with the committed baseline and the budgets; times only warn
	$(BENCH) check

bench-baseline: ## Take what `make bench` measured last as the baseline of `make bench-check`
	$(BENCH) baseline

bench-growth: release ## Fill the table with PAYLINK_GROWTH=1000,100000 links and measure the same steps
	$(BENCH) growth

bench-totals: release ## Add up the year of a business with LINKS=365000 links and LIVE=100000 that are live, by the call; prints only
	$(if $(filter command line environment,$(origin LINKS)),LINKS=$(LINKS)) $(if $(LIVE),LIVE=$(LIVE)) $(BENCH) totals

bench-experiments: release ## Build one function with other settings of the release profile, and measure it
	$(BENCH) experiments

bench-page: ## Put what `make bench` and its like measured last into docs/performance.md
	$(BENCH) page

# The compiler is the stable one, which has no sanitizers; all of this is safe Rust, and overflows are checked. What is
# found on the way stays in the target folder, so that only seeds written by hand are in the repository.
FUZZ_TARGETS ?= $(notdir $(wildcard tests/fuzz/corpus/*))
SECONDS_EACH ?= 60
fuzz: $(CARGO_FUZZ) ## Feed every parser that meets the outside for SECONDS_EACH=60 seconds; FUZZ_TARGETS=ids feeds one
	@for target in $(FUZZ_TARGETS); do \
	  echo "== $$target"; \
	  mkdir -p tests/fuzz/target/found/$$target; \
	  $(CARGO_FUZZ) fuzz run --fuzz-dir tests/fuzz --sanitizer none $$target \
	    tests/fuzz/target/found/$$target tests/fuzz/corpus/$$target -- \
	    -max_total_time=$(SECONDS_EACH) -max_len=4096 -timeout=10 -verbosity=0 -print_final_stats=1; \
	done

check: lint deny lint-template lint-openapi ## Run the checks that are not tests

# A function that is built alone, as it is for Lambda, gives each crate only the features that it wants itself. What it uses
# and does not want is there as long as another of the workspace wants it, so that each is looked at alone as well.
lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@for function in $(FUNCTIONS); do cargo clippy --quiet --package $$function -- -D warnings; done

deny: $(CARGO_DENY) ## Check licences, sources and banned crates
	$(CARGO_DENY) check bans licenses sources

advisories: $(CARGO_DENY) ## Ask whether a dependency has a known weakness (needs the advisory database, from GitHub)
	$(CARGO_DENY) check advisories

openapi: ## Write the OpenAPI document down again after a change of the API
	PAYLINK_WRITE_OPENAPI=1 $(TEST) --test suite openapi::

openapi-release: ## Make the present OpenAPI document that of the release, which later ones are compared with
	PAYLINK_RELEASE_OPENAPI=1 $(TEST) --test suite compatibility::

lint-template: $(CFN_LINT) $(CHECKOV) $(SAM) ## Hold the templates against CloudFormation, SAM and checkov (needs Python)
	$(CFN_LINT) template.yaml infra/bootstrap.yaml infra/monitoring.yaml
	$(CFN_LINT) --regions us-east-1 -- infra/edge.yaml
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-central-1 $(SAM) validate --lint --template template.yaml
	$(CHECKOV) --config-file infra/checkov.yaml --file template.yaml infra/bootstrap.yaml infra/edge.yaml infra/monitoring.yaml

lint-openapi: $(CLIENTS) ## Hold the OpenAPI document against the rules of Redocly and Spectral (needs Python)
	tests/clients/lint.sh
