# The commands of this house; README and CI use the same ones. Needs: python3.11 with venv, make, and a package index.
#
#   make demo     train the tutorial's first composition and report on it
#   make test     lint, types and the tests         make test PYTEST_ARGS="-k flow -x"
#   make check    lint and types only               make fix     format, and repair what the linter can
#   make slow     the tests that train for minutes  make bench   the benchmarks
#   make docs     the documentation, as pages       make setup   only the virtual environment
#   make clean    remove all that these commands made, but runs/

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready-for-$(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
DEMO := specs/tutorial/glf_digits.yaml
WORKERS ?= 2
PYTEST_ARGS ?=

# Small tensors on few cores: one thread a process is the fast choice; no window is ever opened.
TEST_ENV := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 MPLBACKEND=Agg

.PHONY: help setup demo check fix test slow bench docs clean

help:
	@sed -n '3,9s/^# \{0,1\}//p' Makefile

setup: $(READY)

# torch-fidelity, with which metrics are compared, comes without the torchvision that it asks for: the index has that for
# one build of PyTorch only, and neither metrics nor nets need it.
# The stamp's name holds a checksum of what was asked for: it is out of date exactly when that changes.
$(READY):
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not here; name another with: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@echo "setup: a virtual environment in $(VENV)/"
	@$(PYTHON) -m venv $(VENV) || { echo "the venv module is missing (Debian: apt install python3.11-venv)" >&2; exit 1; }
	@echo "setup: pip install -c constraints.txt -e '.[dev]'   (1.7 GB; minutes the first time)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-input -c constraints.txt -e '.[dev]'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-input -c constraints.txt --no-deps torch-fidelity
	@rm -f $(VENV)/ready-for-*
	@touch $@
	@echo "setup: done"

demo: $(READY)
	$(BIN)/compose run $(DEMO)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python

fix: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: check
	$(TEST_ENV) $(BIN)/python -m pytest -n $(WORKERS) --dist=worksteal $(PYTEST_ARGS)

slow: $(READY)
	$(TEST_ENV) $(BIN)/python -m pytest -n $(WORKERS) -m slow $(PYTEST_ARGS)

bench: $(READY)
	$(TEST_ENV) $(BIN)/python -m benchmarks

docs: $(READY)
	$(BIN)/python -m sphinx -q -W -b html docs docs/_build/html
	@echo "docs: docs/_build/html/index.html"

clean:
	rm -rf $(VENV) build docs/_build docs/reference dist .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
