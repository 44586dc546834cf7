# What one needs every day. Another interpreter: make PYTHON=python3.13 install
PYTHON ?= python3
BIN := .venv/bin
BARE := .venv-bare

.PHONY: install fast test lint ci wheel

install:  ## everything, in the versions that were tested together
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'

fast:  ## the tests that need no patience
	$(BIN)/pytest -m "not slow"

test:
	$(BIN)/pytest

lint:  ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

ci: install lint test wheel

wheel:  # by itself and without extras, outside of the tree
	rm -rf build dist $(BARE)
	$(BIN)/pip wheel -q --no-deps -w dist .
	$(PYTHON) -m venv $(BARE)
	$(BARE)/bin/pip install -q -c constraints.txt dist/worldlaw-*.whl
	cd dist && ../$(BARE)/bin/worldlaw --help > /dev/null && ../$(BARE)/bin/worldlaw list
	rm -rf build dist $(BARE)
