# A fresh machine needs python3 (3.11 or later), venv and make, and nothing else.

PYTHON ?= python3
BIN := .venv/bin
SRC := src tests benchmarks fuzz

.PHONY: demo test check bench fuzz install install-test install-bench clean

demo: install
	@$(BIN)/renkei demo

install: .venv/installed
install-test: .venv/installed-test
install-bench: .venv/installed-bench

.venv/installed: pyproject.toml constraints.txt
	@echo "setting up .venv (once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "renkei needs Python 3.11 or later")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@echo "compiling kernels (once)"
	@$(BIN)/python -m renkei.can.warm
	@$(BIN)/python -m renkei.sim.warm
	@touch $@

.venv/installed-test: .venv/installed
	@echo "installing what only tests need (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,check,mf4]'
	@touch $@

.venv/installed-bench: .venv/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@touch $@

test: install-test
	@$(BIN)/python -m pytest

check: install-test
	@$(BIN)/ruff format --check $(SRC)
	@$(BIN)/ruff check $(SRC)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/renkei check
	@$(BIN)/python -m pytest

fuzz: install
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	@$(BIN)/python fuzz/run.py

bench: install-bench
	@$(BIN)/python benchmarks/run.py

clean:
	rm -rf .venv build src/*.egg-info
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
