# Houfeng from a fresh checkout: needs python3 (3.11 or newer) and make, nothing else.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check bench accept docs clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## play a recording through Houfeng and say where the results are
	@$(BIN)/houfeng demo

test: $(READY) ## run the tests
	@$(BIN)/pytest -n 2 $(ARGS)

check: $(READY) ## format, lint, types, import directions, documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(READY) ## measure speed and memory beside ObsPy
	@$(BIN)/python bench/run.py $(ARGS)

accept: $(READY) ## score Houfeng against real recordings with known truth (HOUFENG_DATA)
	@$(BIN)/python bench/accept.py $(ARGS)

docs: $(READY) ## show the documentation in a browser, rebuilt as you edit
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

clean: ## remove the virtual environment and everything built
	rm -rf .venv site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# Where pyproject.toml or constraints.txt change, the environment is brought up to date.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Houfeng needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "python3 cannot make virtual environments here. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up .venv, once; a minute or two and 1.2 GB."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@quiet=$$(test -t 1 || echo --quiet); \
	if $(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then \
	  echo "1/2 $$(grep -c == constraints.txt) packages, each checked against its hash"; \
	  $(BIN)/python -m pip install --disable-pip-version-check $$quiet --require-hashes -r constraints.txt; \
	  echo "2/2 Houfeng itself"; \
	  $(BIN)/python -m pip install --disable-pip-version-check $$quiet --no-deps --no-build-isolation -e .; \
	else \
	  echo "constraints.txt is for Python 3.11: taking the newest packages that fit instead"; \
	  $(BIN)/python -m pip install --disable-pip-version-check $$quiet -e '.[dev]'; \
	fi
	@touch $@
