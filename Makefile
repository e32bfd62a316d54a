# Every target sets up what it needs; nothing to install first but Python and make. `make help` lists the targets.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := $(VENV)/.ready-to-run
DEV    := $(VENV)/.ready-to-develop
PIP    := $(BIN)/python -m pip install -q --disable-pip-version-check --no-input -c constraints.txt

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint types imports house bench crash dst rules conformance clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r target does; do \
		printf '  make %-11s %s\n' "$$target" "$$does"; done

demo: $(RUN) ## see it break, page and recover, here and without an account
	@$(BIN)/showup demo

test: house ## everything CI runs: house, then all tests
	@bash tests/browser/ensure-chromium.sh
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal $(ARGS) || { \
		echo "what failed beside others is tried once more, alone:"; \
		$(BIN)/python -m pytest -q -n 0 --last-failed --last-failed-no-failures none; }

lint: $(DEV) ## ruff
	@$(BIN)/ruff check --quiet .

types: $(DEV) ## mypy --strict
	@$(BIN)/mypy --no-error-summary

# Without its cache, which has answered from before the last change.
imports: $(DEV) ## the floors: who may import whom
	@out=$$($(BIN)/lint-imports --no-cache 2>&1) || { printf '%s\n' "$$out"; exit 1; }

house: lint types imports ## lint, types and imports

bench: $(DEV) ## measure speed and lateness on this machine
	@$(BIN)/python -m bench

crash: $(DEV) ## kill the daemon at its worst moments and look for lost pages
	@$(BIN)/python -m tests.crash

dst: $(DEV) ## every time zone whose clocks change, and one person on call at every instant of it
	@$(BIN)/python -m tests.dst

rules: $(DEV) ## the rules of delivery in every sequence, random nights, and how many slips their tests notice
	@$(BIN)/python -m tests.rules

conformance: $(DEV) ## break a model in every way, in every dialect, and see what it is called
	@$(BIN)/python -m tests.conformance

clean: ## forget the set-up and every cache
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The demo runs on what a user installs; everything else adds the tools. Either stamp is older than what it was made from,
# or nothing is done. A .venv made by hand is taken over as it is.
$(RUN): pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV) ..."
	@$(PIP) -e .
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV) with the tools for tests ..."
	@$(PIP) -e '.[dev,postgres,apprise]'
	@touch $(RUN) $@

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "showup needs Python 3.11 or newer, and there is no '$(PYTHON)' here." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "showup needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name a newer one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
