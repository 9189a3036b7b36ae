# The commands of Loader Portal; `make` lists them. A user needs make and Python 3.11+ with venv.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
WORKERS ?= 3
DURATION ?= 600
SEED ?= 1
export DEMO_DIR ?= .demo

# An environment is complete when it holds the stamp of the requirements as they read now.
checksum = $(firstword $(shell cat $(1:%=requirements/%.txt) | cksum))
ENV_STAMP := $(VENV)/.env-$(call checksum,build base demo)
TEST_STAMP := $(VENV)/.env-test-$(call checksum,build base demo mysql test)

PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-input \
	--require-hashes --no-build-isolation
PIP_LOG := $(VENV)/pip.log
NETWORK_FAULT := Retrying \(Retry|NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError

# $(call install,name,options): pip says nothing when all is well; one sentence, or all it said.
define install
@$(PIP) $(2) -r requirements/$(1).txt >$(PIP_LOG) 2>&1 || { \
	if grep -q 'No space left on device' $(PIP_LOG); then \
		echo "The disk is full: the Python packages of requirements/$(1).txt need more room." >&2; \
	elif grep -qE '$(NETWORK_FAULT)' $(PIP_LOG); then \
		echo "The Python package index cannot be reached: the first run needs the network" \
			"(pip's own words are in $(PIP_LOG))." >&2; \
	else cat $(PIP_LOG) >&2; fi; exit 1; }
endef

# Values that let the settings load where no portal runs; each may come from outside instead.
define settings
export DATABASE_URL="$${DATABASE_URL:-postgresql://nobody@127.0.0.1:1/none}"; \
export LOADERPORTAL_SECRET_KEY="$${LOADERPORTAL_SECRET_KEY:-$$($(PY) -c \
	'import secrets; print(secrets.token_hex(32))')}"; \
export ENCRYPTION_KEY="$${ENCRYPTION_KEY:-$$($(PY) -c \
	'import base64, secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())')}";
endef

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: env ## run the portal with its own database, real flights and a live stream
	@$(PY) -m loaderportal.demo

.PHONY: demo-once
demo-once: env ## the same on a free port: catch up, check the totals, print one JSON line, end
	@$(PY) -m loaderportal.demo --once

.PHONY: test
test: lint ## lint, types, import layers, migrations, and all tests but the long ones
	@$(PY) -m pytest -n $(WORKERS)

.PHONY: test-full
test-full: lint ## everything: the tests lengthen themselves by LOADERPORTAL_TEST_FULL=1
	@LOADERPORTAL_TEST_FULL=1 $(PY) -m pytest -n $(WORKERS)

.PHONY: chaos
chaos: env-test ## kill, freeze, crash and cut everything at random (DURATION=600 SEED=1), and check
	@LOADERPORTAL_CHAOS_DURATION=$(DURATION) LOADERPORTAL_CHAOS_SEED=$(SEED) \
		$(PY) -m pytest tests/chaos/test_chaos.py tests/chaos/test_recovery.py -q -s

.PHONY: bench
bench: env-test ## measure writer, worker and gap scan against their limits, on own servers
	@$(PY) -m benchmarks

.PHONY: bench-full
bench-full: env-test ## the same in full: more rows, runs and loaders; takes long
	@$(PY) -m benchmarks --full

.PHONY: screenshots
screenshots: env-test ## take the pictures of docs/images anew, from a demo of its own
	@$(PY) -m tests.screenshots

.PHONY: lint
lint: env-test ## style, types, import layers, migrations
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(settings) $(PY) -m mypy .
	@$(VENV)/bin/lint-imports
	@$(settings) $(PY) -W 'ignore:Got an error checking:RuntimeWarning' \
		manage.py makemigrations --check --dry-run

# --- environments -------------------------------------------------------------------------------

.PHONY: env
env: ## make .venv from the hash-pinned requirements
	@{ test -f $(ENV_STAMP) && $(PY) -c '' 2>/dev/null; } || $(MAKE) --no-print-directory new-env

.PHONY: new-env
new-env:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed, and there is no" \
		"$(PYTHON): install it, or name one by PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or" \
		"newer is needed, and $(PYTHON) is $$($(PYTHON) -V 2>&1): name another by PYTHON=..." \
		>&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "The venv module of $(PYTHON)" \
		"is missing: install it (Debian: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Making the Python environment $(VENV) ..." >&2
	@$(PY) -c '' 2>/dev/null || rm -rf $(VENV)
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(call install,build)
	$(call install,base)
	$(call install,demo,--no-deps)
	@touch $(ENV_STAMP)

.PHONY: env-test
env-test: env system-packages ## add what lint and tests need, Debian packages too (root only)
	@test -f $(TEST_STAMP) || $(MAKE) --no-print-directory new-env-test

.PHONY: new-env-test
new-env-test:
	@echo "Adding the test tools to $(VENV) ..." >&2
	$(call install,mysql)
	$(call install,test)
	@touch $(TEST_STAMP)

# MariaDB itself is not needed where LOADERPORTAL_TEST_MYSQL_URL names a server; the compiler and
# the headers are not needed once the driver is there.
.PHONY: system-packages
system-packages: env
	@PATH="$$PATH:/usr/local/sbin:/usr/sbin"; missing=; \
	lacks() { ! command -v "$$1" >/dev/null 2>&1; }; \
	if lacks chromium && lacks chromium-browser && lacks google-chrome; then \
		missing="chromium"; fi; \
	if [ -z "$${LOADERPORTAL_TEST_MYSQL_URL:-}" ]; then \
		if lacks mariadbd || lacks mariadb-install-db; then \
			missing="$$missing mariadb-server"; fi; fi; \
	if lacks redis-server; then missing="$$missing redis-server"; fi; \
	if ! $(PY) -c 'import MySQLdb' 2>/dev/null; then \
		if lacks gcc; then missing="$$missing gcc"; fi; \
		if lacks pkg-config; then missing="$$missing pkg-config"; fi; \
		pkg-config --exists libmariadb 2>/dev/null || pkg-config --exists mysqlclient 2>/dev/null \
			|| missing="$$missing libmariadb-dev"; \
		test -f "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" \
			|| missing="$$missing python3-dev"; fi; \
	missing="$${missing# }"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if lacks apt-get || [ "$$(id -u)" != 0 ]; then echo "The tests need these packages (Debian's" \
		"names): $$missing; install them as root, or without mariadb-server name a MySQL or" \
		"MariaDB server by LOADERPORTAL_TEST_MYSQL_URL." >&2; exit 1; fi; \
	echo "Installing the Debian packages $$missing ..." >&2; \
	export DEBIAN_FRONTEND=noninteractive; log=$$(mktemp); \
	{ apt-get -q update && apt-get -q -y install --no-install-recommends $$missing; } \
		>"$$log" 2>&1 || { cat "$$log" >&2; rm -f "$$log"; echo "The Debian packages $$missing" \
		"could not be installed." >&2; exit 1; }; \
	rm -f "$$log"

# --- upkeep -------------------------------------------------------------------------------------

UV_COMPILE = pip compile --quiet --system-certs --universal --fork-strategy fewest \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	$(LOCK_OPTIONS)

.PHONY: lock
lock: ## recompile requirements/*.txt (LOCK_OPTIONS=--upgrade for newer versions)
	@uv=$$(mktemp -d) && trap 'rm -rf "$$uv"' EXIT && $(PYTHON) -m venv "$$uv" \
	&& "$$uv/bin/python" -m pip install --quiet --disable-pip-version-check uv \
	&& for name in build base mysql demo test; do \
		only=; if [ $$name = demo ]; then only=--no-deps; fi; \
		"$$uv/bin/uv" $(UV_COMPILE) $$only requirements/$$name.in -o requirements/$$name.txt \
			>/dev/null || exit 1; \
	done

.PHONY: docs
docs: env ## rewrite the parts of docs/ that are made from code
	@$(PY) -m loaderportal.configuration_reference > docs/configuration.md
	@$(call made,openapi.yaml,loaderportal.api_document,document_as_yaml)
	@$(call made,error_codes.md,loaderportal.error_codes,reference)

# $(call made,file,module,function): the file of docs/ becomes what the function says.
made = $(settings) $(PY) manage.py shell -v 0 -c 'from $(2) import $(3); print($(3)(), end="")' \
	> docs/$(1).new && mv docs/$(1).new docs/$(1)

.PHONY: clean
clean: ## remove the environment and all caches; the demo's data in DEMO_DIR stay
	@rm -rf $(VENV) staticfiles .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
