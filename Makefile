# Needs make and Python >= 3.10, nothing else. `make` lists what it can do.
# Extra arguments: make test PYTEST_ARGS="-k psi" · make demo DEMO_ARGS=--kafka · make bench BENCHMARKS="latency core"

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The first that is new enough, and for which every dependency has a wheel (3.14: datasketches does not yet, and would
# have to be compiled); PYTHON=/path/to/python chooses another.
python_from = $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python3.10 python, \
	$(shell $(name) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, $(1)))' 2>/dev/null && echo $(name))))
PYTHON ?= $(or $(call python_from,13),$(call python_from,99))
BENCHMARKS ?= core throughput latency state techniques_cost false_alarms faults

.DEFAULT_GOAL := help
.PHONY: help setup demo test check extras bench docs build

help: ## List these commands
	@grep -hE '^[a-z]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z]+):.*## /\1|/' | awk -F'|' '{printf "  make %-7s %s\n", $$1, $$2}'

setup: $(READY) ## Create .venv with everything in it, and a Java where there is none; again only when the pins change

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "hopsmon needs Python 3.10 or newer, and found none: install one (Debian, Ubuntu: apt-get install python3 python3-venv), or say make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "$(PYTHON) is older than Python 3.10"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian, Ubuntu: apt-get install python3-venv)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all]' --group dev
	$(BIN)/python tools/ensure_java.py
	@touch $@

demo: $(READY) ## Watch a model of real flights drift from April to December (one to two minutes)
	$(BIN)/hopsmon demo $(DEMO_ARGS)

test: $(READY) ## Check the architecture and run all tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(READY) ## Lint, types and architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

extras: $(READY) ## Install each extra alone, and run its own tests there (some: EXTRAS="kafka hops")
	$(BIN)/python tools/extras.py $(EXTRAS)

bench: $(READY) ## Run the benchmarks; each writes benchmarks/results/NAME.json
	@failed=; for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name || failed="$$failed $$name"; done; \
	test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

docs: $(READY) ## Make the techniques' pages; check README.md and docs/: examples run, links lead somewhere
	$(BIN)/python tools/technique_docs.py
	$(BIN)/python -m pytest README.md docs tests/test_docs.py

build: $(READY) ## Build the source archive and the wheel into dist/
	$(BIN)/python -m build
