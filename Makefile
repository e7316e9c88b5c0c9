# replycheck: `make` alone lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check serve train evaluate corpus bench simulate-retraining clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[api,parquet,labels,notebooks,dev]'
	@touch $(READY)

setup: $(READY) ## make .venv and install everything into it

demo: $(READY) ## label the example drafts with the shipped model, with reasons and advice
	$(BIN)/replycheck check --examples

test: $(READY) ## run the tests
	$(BIN)/python -m pytest

check: $(READY) ## ruff, mypy and the tests: what must hold before a commit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

serve: $(READY) ## start the HTTP service on the loopback address
	$(BIN)/python -m replycheck_api

train: $(READY) ## train models/default from data/, evaluate it (opens the test batches), render its card
	$(BIN)/replycheck train --out models/default
	$(BIN)/replycheck evaluate --model models/default --write --test --cross-validation

evaluate: $(READY) ## evaluate the shipped model on the development batches
	$(BIN)/replycheck evaluate

corpus: $(READY) ## check data/ and bring its counts and hard items up to date
	$(BIN)/replycheck corpus --write

bench: $(READY) ## time one check, many checks and the start of the command line
	$(BIN)/python tests/bench.py

simulate-retraining: $(READY) ## try on the corpus what a library's labels are worth (an hour); figures for docs/retraining.md
	$(BIN)/python tests/simulate_retraining.py

clean: ## remove .venv and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
