# The two commands of the house: `make run` and `make test`. Python 3.11 or later is all they need to begin.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
VENV := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-test run test check manual lock clean

help:
	@echo "make run    set up, fill an empty database with the demonstration, serve on $(HOST):$(PORT)"
	@echo "make test   lint, types, import contract, all tests on SQLite and PostgreSQL, browser journeys"
	@echo "make check  the quick part of it: lint, types, import contract, tests on SQLite without a browser"
	@echo "make manual take the manual's pictures anew"
	@echo "make lock   make the lock files anew from requirements*.in"

setup:
	@$(PYTHON) tools/setup.py

setup-test:
	@$(PYTHON) tools/setup.py --test

run: setup
	@$(VENV)/portal demo --if-empty
	@exec $(VENV)/portal run --host $(HOST) --port $(PORT) --with-worker

test: setup-test
	@$(VENV)/python -m tools.check

check: setup-test
	@$(VENV)/python -m tools.check --quick

# The main road walked once more, with a picture of every step.
manual: setup-test
	@PORTAL_TEST_PICTURES=docs/manual/pictures $(VENV)/python -m pytest -q tests/journeys -k "sqlite and paper"

# Only names, versions and hashes go in: --no-header and --no-annotate keep hosts and paths out.
lock:
	uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links --python-version 3.11 --output-file requirements.lock requirements.in
	uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links --python-version 3.11 --output-file requirements-test.lock requirements-test.in

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
