# Everything a developer does. `make run` and `make test` do all their own set-up in folders of this project.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

TOOLS := .tools
CARGO_LAMBDA := $(TOOLS)/bin/cargo-lambda
CARGO_LAMBDA_VERSION := 1.9.2
ZIG_VERSION := 0.17.1
CFN_LINT := $(TOOLS)/lint/bin/cfn-lint
CFN_LINT_VERSION := 1.58.0
CHECKOV := $(TOOLS)/checkov/bin/checkov
CHECKOV_VERSION := 3.3.30
SAM := $(TOOLS)/sam/bin/sam
SAM_VERSION := 1.170.0
MINISTACK := $(TOOLS)/emulator/bin/ministack
MINISTACK_VERSION := 1.5.33
SAM_TRANSLATOR_VERSION := 1.115.0
AWS_CLI_VERSION := 1.46.3
SCHEMATHESIS := $(TOOLS)/api/bin/st
SCHEMATHESIS_VERSION := 4.32.5
CARGO_DENY := $(TOOLS)/bin/cargo-deny
CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ := $(TOOLS)/bin/cargo-fuzz
CARGO_FUZZ_VERSION := 0.13.2

DYNAMODB_LOCAL := $(TOOLS)/dynamodb-local/package/emulator/DynamoDBLocal.jar
PEERS := tests/peers/node_modules/.package-lock.json
PEERS_PYTHON := $(TOOLS)/peers/bin/python
BENCH_PEERS := tests/bench/peers/node/node_modules/.package-lock.json tests/bench/peers/python/venv/.installed
BROWSER_TESTS := tests/browser/node_modules/.package-lock.json
DYNAMODB_LOCAL_VERSION := 2.9.30
DYNAMODB_LOCAL_PORT := 9012

export CARGO_LAMBDA := $(abspath $(CARGO_LAMBDA))

.PHONY: release bench bench-check bench-baseline bench-experiments bench-growth bench-page test-peers fuzz openapi test-api help run reset tools-deploy test test-browser test-deploy test-dynamodb-local test-end-to-end test-crashes test-orders simulate load check lint-template deny advisories tools clean-tools

help: ## Say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

run: tools ## Run the whole product on this machine
	cargo run --bin paylink-local

reset: ## Forget the data of `make run`
	rm -rf .paylink

test: tools ## Run every test but those of the browser
	cargo test --workspace

test-end-to-end: tools ## Run only the tests that drive the built functions over HTTP
	cargo test --package tests --test end_to_end

test-browser: tools $(BROWSER_TESTS) ## Run the tests of the pages in Debian's Chromium (needs Node.js); pictures in target/screenshots
	@command -v chromium >/dev/null || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium fonts-noto-core >/dev/null; } || { echo 'error: install Chromium' >&2; exit 1; }
	cargo build --bin paylink-local
	cd tests/browser && CHROMIUM="$$(command -v chromium)" npm test --silent

test-api: tools $(SCHEMATHESIS) ## Run thousands of calls made up from the OpenAPI document against the whole product (needs Python)
	cargo build --bin paylink-local
	tests/api/run.sh

FUNCTIONS := $(notdir $(wildcard functions/*))

# The functions are compiled for this machine in a profile that differs from release only in how long it compiles; all at
# once, so that what they share is compiled once.
test-deploy: tools $(MINISTACK) $(SAM) ## Deploy template.yaml to an emulator of AWS by the guide, and use it (needs Python)
	$(CARGO_LAMBDA) lambda build --profile deploy-test --compiler cargo $(addprefix --package ,$(FUNCTIONS))
	cargo build --bin paylink-gateways --bin paylink-admin
	$(dir $(MINISTACK))python tests/deploy/run.py

test-peers: $(PEERS) $(PEERS_PYTHON) ## Run the gateways' official clients against the simulators (needs Node.js and Python)
	PAYLINK_PEERS_PYTHON=$(abspath $(PEERS_PYTHON)) cargo test --package tests --test peers -- --nocapture

test-dynamodb-local: tools $(DYNAMODB_LOCAL) ## Run the tests of the store and the functions on Amazon's DynamoDB Local (needs Java and npm)
	@(cd $(dir $(DYNAMODB_LOCAL)) && exec java -Djava.library.path=./DynamoDBLocal_lib -jar DynamoDBLocal.jar -inMemory -port $(DYNAMODB_LOCAL_PORT) >/dev/null 2>&1) & \
	engine=$$!; trap "kill $$engine" EXIT; \
	for _ in $$(seq 60); do (exec 3<>/dev/tcp/127.0.0.1/$(DYNAMODB_LOCAL_PORT)) 2>/dev/null && break; sleep 0.5; done; \
	PAYLINK_TEST_DYNAMODB_ENDPOINT=http://127.0.0.1:$(DYNAMODB_LOCAL_PORT) cargo test --package tests --test store --test functions

# So many of the points and orders are one of them tried.
EVERY ?= 1
test-crashes: ## Stop every function at every call it makes, in every way, and let the world go on; EVERY=7 tries one in seven
	PAYLINK_EVERY_POINT=$(EVERY) cargo test --package tests --test crash_sweep -- --nocapture

test-orders: ## Let everything that can come in about a payment come in, in every order; EVERY=29 tries all of those at one gateway and one in 29 of the others
	PAYLINK_EVERY_ORDER=$(EVERY) cargo test --package tests --test orders -- --nocapture

SEEDS ?= 1000
simulate: ## Tell SEEDS=1000 stories in which chance makes calls go wrong; FIRST_SEED=7 SEEDS=1 tells one again
	SEEDS=$(SEEDS) cargo test --package tests --test simulation -- --nocapture

LINKS ?= 300
load: ## Hold LINKS=300 links through their whole life at once, and check the books
	LINKS=$(LINKS) cargo test --package tests --test load -- --nocapture

# Each function is built alone, as it is for Lambda: a build of several would give each the features of all. The program
# that measures is not what is measured, so that it has a profile that builds in less time.
release:
	@for function in $(FUNCTIONS); do cargo build --quiet --release --package $$function; done

BENCH := cargo run --quiet --package bench

bench: release $(BENCH_PEERS) ## Measure the functions and two peers as Lambda would run them (needs Node.js, Python, cmake, autoconf, automake, libtool)
	$(BENCH)

bench-check: release ## Compare counts, sizes and memory with the committed baseline and the budgets; times only warn
	$(BENCH) check

bench-baseline: ## Take what `make bench` measured last as the baseline of `make bench-check`
	$(BENCH) baseline

bench-growth: release ## Fill the table with PAYLINK_GROWTH=1000,100000 links and measure the same steps
	$(BENCH) growth

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

check: deny lint-template ## Run the checks that are not tests
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

deny: $(CARGO_DENY)
	$(CARGO_DENY) check bans licenses sources

advisories: $(CARGO_DENY) ## Ask whether a dependency has a known weakness (needs the advisory database, from GitHub)
	$(CARGO_DENY) check advisories

openapi: ## Write the OpenAPI document down again after a change of the API
	PAYLINK_WRITE_OPENAPI=1 cargo test --package tests --test openapi

lint-template: $(CFN_LINT) $(CHECKOV) $(SAM) ## Hold the templates against CloudFormation, SAM and checkov (needs Python)
	$(CFN_LINT) template.yaml infra/bootstrap.yaml infra/monitoring.yaml
	$(CFN_LINT) --regions us-east-1 -- infra/edge.yaml
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-central-1 $(SAM) validate --lint --template template.yaml
	$(CHECKOV) --config-file infra/checkov.yaml --file template.yaml infra/bootstrap.yaml infra/edge.yaml infra/monitoring.yaml

$(SCHEMATHESIS):
	@command -v python3 >/dev/null || { echo 'error: Python 3 is needed to try the API' >&2; exit 1; }
	python3 -m venv $(TOOLS)/api
	$(TOOLS)/api/bin/pip install --quiet schemathesis==$(SCHEMATHESIS_VERSION)

tools: $(CARGO_LAMBDA)

# The emulator and the SAM CLI pin different versions of the same libraries, so each has a venv of its own.
$(MINISTACK):
	@command -v python3 >/dev/null || { echo 'error: Python 3 is needed to try a deployment' >&2; exit 1; }
	python3 -m venv $(TOOLS)/emulator
	$(TOOLS)/emulator/bin/pip install --quiet ministack==$(MINISTACK_VERSION) aws-sam-translator==$(SAM_TRANSLATOR_VERSION) awscli==$(AWS_CLI_VERSION)

$(SAM):
	@command -v python3 >/dev/null || { echo 'error: Python 3 is needed for the SAM CLI' >&2; exit 1; }
	python3 -m venv $(TOOLS)/sam
	$(TOOLS)/sam/bin/pip install --quiet aws-sam-cli==$(SAM_VERSION)

tools-deploy: tools ## Fetch what `sam build` needs to build for Lambda (Python only)
	@[ -x $(TOOLS)/lambda/bin/pip ] || { echo 'error: Python 3 with venv is needed to fetch zig' >&2; exit 1; }
	$(TOOLS)/lambda/bin/pip install --quiet ziglang==$(ZIG_VERSION)

# cargo-lambda comes as a ready binary from PyPI in seconds; without Python it is compiled, which takes long.
$(CARGO_LAMBDA):
	@command -v cargo >/dev/null || { echo 'error: Rust is missing; install it from https://rustup.rs' >&2; exit 1; }
	@mkdir -p $(TOOLS)/bin
	@if command -v python3 >/dev/null && python3 -m venv $(TOOLS)/lambda; then \
	  echo 'Fetching cargo-lambda.'; \
	  $(TOOLS)/lambda/bin/pip install --quiet cargo-lambda==$(CARGO_LAMBDA_VERSION); \
	  ln -sf ../lambda/bin/cargo-lambda $@; \
	else \
	  echo 'Compiling cargo-lambda, because there is no Python with venv. This takes about ten minutes.'; \
	  cargo install --locked --root $(TOOLS) cargo-lambda --version $(CARGO_LAMBDA_VERSION); \
	fi

$(CFN_LINT):
	@command -v python3 >/dev/null || { echo 'error: Python 3 is needed to lint the template' >&2; exit 1; }
	python3 -m venv $(TOOLS)/lint
	$(TOOLS)/lint/bin/pip install --quiet cfn-lint==$(CFN_LINT_VERSION)

$(CHECKOV):
	@command -v python3 >/dev/null || { echo 'error: Python 3 is needed to check the templates' >&2; exit 1; }
	python3 -m venv $(TOOLS)/checkov
	$(TOOLS)/checkov/bin/pip install --quiet checkov==$(CHECKOV_VERSION)

$(BROWSER_TESTS): tests/browser/package.json tests/browser/package-lock.json
	@command -v npm >/dev/null || { echo 'error: Node.js with npm is needed for the browser tests' >&2; exit 1; }
	npm ci --prefix tests/browser --silent --no-fund --no-audit
	@touch $@

$(PEERS): tests/peers/package.json tests/peers/package-lock.json
	@command -v npm >/dev/null || { echo 'error: Node.js with npm is needed for the official clients' >&2; exit 1; }
	npm ci --prefix tests/peers --silent --no-fund --no-audit --ignore-scripts
	@touch $@

$(PEERS_PYTHON): tests/peers/requirements.txt
	@command -v python3 >/dev/null || { echo 'error: Python 3 is needed for the official clients' >&2; exit 1; }
	python3 -m venv $(TOOLS)/peers
	$(TOOLS)/peers/bin/pip install --quiet --requirement tests/peers/requirements.txt

# Lambda's own runtime client for Node.js compiles a part of itself.
tests/bench/peers/node/node_modules/.package-lock.json: tests/bench/peers/node/package.json tests/bench/peers/node/package-lock.json
	@for tool in npm cmake autoconf automake libtoolize; do command -v $$tool >/dev/null || { echo "error: $$tool is needed for the peer in Node.js" >&2; exit 1; }; done
	npm ci --prefix tests/bench/peers/node --silent --no-fund --no-audit
	@touch $@

tests/bench/peers/python/venv/.installed: tests/bench/peers/python/requirements.txt
	@command -v python3 >/dev/null || { echo 'error: Python 3 is needed for the peer in Python' >&2; exit 1; }
	python3 -m venv tests/bench/peers/python/venv
	tests/bench/peers/python/venv/bin/pip install --quiet --requirement $<
	@touch $@

# Amazon's own engine, as the Amplify simulator carries it on npm. It is fetched and never committed.
$(DYNAMODB_LOCAL):
	@command -v java >/dev/null || { echo 'error: Java 17 is needed for DynamoDB Local' >&2; exit 1; }
	@mkdir -p $(TOOLS)/dynamodb-local
	cd $(TOOLS)/dynamodb-local && npm pack --silent amplify-dynamodb-simulator@$(DYNAMODB_LOCAL_VERSION) && tar xzf amplify-dynamodb-simulator-*.tgz && rm amplify-dynamodb-simulator-*.tgz

$(CARGO_DENY):
	cargo install --locked --root $(TOOLS) cargo-deny --version $(CARGO_DENY_VERSION)

$(CARGO_FUZZ):
	cargo install --locked --root $(TOOLS) cargo-fuzz --version $(CARGO_FUZZ_VERSION)

clean-tools: ## Forget the fetched tools
	rm -rf $(TOOLS)
