# replycheck: `make` alone lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check serve train evaluate corpus bench bench-audit soak fuzz privacy simulate simulate-retraining bench-retraining clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[api,parquet,audit,labels,notebooks,dev]'
	@touch $(READY)

setup: $(READY) ## make .venv and install everything into it

demo: $(READY) ## label the example drafts, with reasons and advice; audit the made-up library into build/demo-audit
	$(BIN)/replycheck check --examples
	$(BIN)/replycheck audit data/examples/transcripts --out build/demo-audit --with-text --min-group 3 --fresh

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

bench-audit: $(READY) ## time an audit of 10,000 made-up chats and of a tenth of them
	$(BIN)/python tests/bench_audit.py

soak: $(READY) ## kill audits half-way, processes and cluster workers too, and compare what the next try gives
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[cluster]'
	$(BIN)/python tests/soak_audit.py

fuzz: $(READY) ## damage the example exports and read them for a minute; longer: make fuzz SECONDS=3600
	$(BIN)/python tests/fuzz_transcripts.py -max_total_time=$(or $(SECONDS),60)

privacy: $(READY) ## measure de-identification on its written lines and keep the record that reports quote
	$(BIN)/replycheck evaluate-privacy --write

simulate: $(READY) ## simulate 2,000 libraries: does the interval of audit-estimate hold the truth in 95 % of them?
	$(BIN)/python tests/simulate_estimate.py

simulate-retraining: $(READY) ## try on the corpus what a library's labels are worth (an hour); figures for docs/retraining.md
	$(BIN)/python tests/simulate_retraining.py

bench-retraining: $(READY) ## time a retraining with 5,000 rows, and its memory
	$(BIN)/python tests/bench_retraining.py

clean: ## remove .venv and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
