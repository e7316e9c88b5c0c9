# replycheck: `make` alone lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check serve encoder train evaluate ablation corpus bench bench-compare fuzz privacy simulate bench-audit soak bench-http openapi integrations pictures soak-feedback simulate-retraining bench-retraining hostile audit-dependencies clean

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

encoder: $(READY) ## fine-tune the encoder anew (torch; under an hour on two cores), then `make train`'s steps with it
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[encoder]'
	$(BIN)/replycheck finetune --out build/encoder
	$(BIN)/replycheck train --encoder build/encoder --out models/default
	$(BIN)/replycheck evaluate --model models/default --write --test --cross-validation

evaluate: $(READY) ## evaluate the shipped model on the development batches
	$(BIN)/replycheck evaluate

ablation: $(READY) ## measure what each piece of the chain buys, beside simpler models (about half an hour; torch for one of them)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[encoder]'
	OMP_NUM_THREADS=1 $(BIN)/replycheck ablate --out docs

corpus: $(READY) ## check data/ and bring its counts and hard items up to date
	$(BIN)/replycheck corpus --write

# without torch, which spaCy would import; WITH=encoder measures MiniLM too, in a third environment with torch
BENCH := $(VENV)-bench
BENCH_ENCODER := $(VENV)-bench-encoder
$(BENCH)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[api,audit,bench]'
	@touch $@

$(BENCH_ENCODER)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(BENCH_ENCODER)
	$(BENCH_ENCODER)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench,encoder]'
	@touch $@

MEASURE = PYTHONPATH=tests OMP_NUM_THREADS=1 $(BENCH)/bin/python -m bench $(if $(findstring encoder,$(WITH)),--encoder $(BENCH_ENCODER)/bin/python) \
	$(if $(findstring service,$(WITH)),--service) $(if $(findstring audits,$(WITH)),--audits $(or $(CHATS),1000 10000 100000))
bench: $(BENCH)/.ready $(if $(findstring encoder,$(WITH)),$(BENCH_ENCODER)/.ready) ## measure time and memory beside others, keep docs/bench.md (a quarter of an hour; WITH="encoder service audits": an hour)
	$(MEASURE)

bench-compare: $(BENCH)/.ready $(if $(findstring encoder,$(WITH)),$(BENCH_ENCODER)/.ready) ## measure again: does a ratio slip by 15 % against docs/bench.json?
	$(MEASURE) --compare

fuzz: $(READY) ## properties with other examples, damaged exports for a minute, led by coverage (longer: SECONDS=3600), then 100,000 broken bodies to /v2/check
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fuzz]'
	$(BIN)/python -m pytest --hypothesis-profile=default $$(grep -l "^from hypothesis" tests/test_*.py)
	$(BIN)/python tests/fuzz_transcripts.py -max_total_time=$(or $(SECONDS),60)
	$(BIN)/python tests/fuzz_languagetool.py 100000

bench-audit: $(READY) ## time an audit of 10,000 made-up chats and of a tenth of them
	$(BIN)/python tests/bench_audit.py

soak: $(READY) ## kill audits half-way and compare what the next try gives; then the service for 30 minutes at 80 % of capacity
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[cluster]'
	$(BIN)/python tests/soak_audit.py
	$(BIN)/python tests/bench_http.py --soak 30

privacy: $(READY) ## measure de-identification on its written lines and keep the record that reports quote
	$(BIN)/replycheck evaluate-privacy --write

simulate: $(READY) ## simulate 2,000 libraries: does the interval of audit-estimate hold the truth in 95 % of them?
	$(BIN)/python tests/simulate_estimate.py

bench-http: $(READY) ## time the service beside an empty endpoint, one worker and two
	$(BIN)/python tests/bench_http.py

openapi: $(READY) ## hold the service to its OpenAPI document (schemathesis), and call it with a client made from it
	$(PYTHON) -m venv $(VENV)-openapi
	$(VENV)-openapi/bin/python -m pip install --quiet --disable-pip-version-check schemathesis openapi-python-client
	BIN=$(BIN) TOOLS=$(VENV)-openapi/bin bash tests/openapi.sh

integrations: ## put the tools for browsers, Thunderbird and Outlook together, in dist/integrations (docs/integrations.md)
	$(PYTHON) integrations/build.py

pictures: $(READY) ## draw the pictures in docs/ anew, in Chromium
	$(BIN)/python tests/pictures.py

soak-feedback: $(READY) ## kill -9 during 10,000 feedback posts: all acknowledged ones there, none twice
	$(BIN)/python tests/soak_feedback.py

simulate-retraining: $(READY) ## try on the corpus what a library's labels are worth (a quarter of an hour); figures for docs/retraining.md
	$(BIN)/python tests/simulate_retraining.py

bench-retraining: $(READY) ## time a retraining with 5,000 rows, and its memory
	$(BIN)/python tests/bench_retraining.py

hostile: $(READY) ## time checks of texts made to be slow, beside ordinary ones of the same length
	OMP_NUM_THREADS=1 $(BIN)/python tests/bench_hostile.py

audit-dependencies: ## look every pinned dependency up among known vulnerabilities (pip-audit; needs the index's advisory service)
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(VENV)-audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

clean: ## remove .venv and caches
	rm -rf $(VENV) $(VENV)-openapi $(VENV)-audit $(BENCH) $(BENCH_ENCODER) .pytest_cache .mypy_cache .ruff_cache .hypothesis
