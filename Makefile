# One line per verb. Everything stands in .venv and .cache; `make help` lists the verbs.
.PHONY: help setup demo schemas check test-quick test test-faults test-border test-containers test-newest simulate simulate-pr simulate-ci simulate-release mutants soak bench profile clean
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin

# A moved clone: its scripts name a folder that is gone, so set-up must run again.
$(shell grep -qsF '$(CURDIR)/' .venv/bin/pip || rm -f .venv/setup.stamp)

help:  ## List the verbs.
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' $(MAKEFILE_LIST) | expand -t 17

setup: .cache/kafka/setup.stamp .cache/chains.stamp  ## Get Python packages and Kafka (done by the others when due).
	@:

.venv/setup.stamp: requirements.lock pyproject.toml infra/local/setup.sh
	@PYTHON='$(PYTHON)' infra/local/setup.sh python && touch $@

.cache/kafka/setup.stamp: .venv/setup.stamp infra/kafka/pom.xml infra/kafka/jars.sha256
	@infra/local/setup.sh kafka && touch $@

# In the background: what needs the test chains' nodes waits for them.
.cache/chains.stamp: .venv/setup.stamp $(wildcard infra/chains/*)
	@infra/chains/setup.sh background && touch $@

demo: setup  ## Run a whole network through one scenario (KEEP=1 leaves it running).
	@$(BIN)/tokend demo $(if $(KEEP),--keep)

schemas: setup  ## Generate schemas/generated and the synchronous client after a change of a schema.
	$(BIN)/python -m schemas.generate
	$(BIN)/python -m gateways.client.generate

check: setup  ## Style, types, imports, generated files.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.generate --check
	$(BIN)/python -m schemas.completeness
	$(BIN)/python -m gateways.client.generate --check
	$(BIN)/python -m infra.containers.generate --check
	$(BIN)/python -m schemas.compatibility

test-quick: setup  ## Tests without servers and long campaigns (a minute and a half).
	$(BIN)/pytest -n 2 --dist worksteal -m "not (servers or faults or slow)"

# Four processes on two cores, for most tests wait, each with servers of its own; then one for the tests that share a whole deployment.
test: setup  ## All tests, with real servers; prints the slowest twenty.
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder -m "not whole and not campaign" --durations 20
	$(BIN)/pytest -m "whole and not campaign" --durations 20

test-faults: setup  ## Every fault FAULTS=10 times on real processes (half an hour); SYSTEM=core, horizon, notificator, keyserver, api, kyc or deployment: only its own.
	$(BIN)/pytest -m "faults and not border" --faults $(or $(FAULTS),10) $(if $(SYSTEM),--system $(SYSTEM)) -v

# Counts and campaigns of what moves value in and out, in shards that run beside one another.
test-border: setup  ## Deposits, withdrawals and banks on real nodes, in full counts (40 minutes); SYSTEM=deposit, withdraw or banks: only its own; FAULTS=1: a tenth.
	$(BIN)/pytest -m border --faults $(or $(FAULTS),10) $(if $(SYSTEM),--system $(SYSTEM)) -n 2 --dist loadscope --durations 20 -v

test-containers: setup  ## Tests and the demo on containers; root gets a Docker engine if there is none.
	@infra/containers/test.sh

test-newest: setup  ## The checks and all tests on the newest CPython at hand, in a clone of their own.
	@tests/on_newest_python.sh

simulate: setup  ## One simulated run, SEED=n, of LEDGERS=8 or more.
	$(BIN)/python -m tests.simulation.run --seed $(or $(SEED),1) --ledgers $(or $(LEDGERS),8)

simulate-pr: setup  ## 64 simulated runs, of all kinds (a minute and a half).
	$(BIN)/python -m tests.simulation.campaign --seeds 64

simulate-ci: setup  ## 2,000 simulated runs of 25 ledgers (20 minutes).
	$(BIN)/python -m tests.simulation.campaign --seeds 2000 --ledgers 25

simulate-release: setup  ## Simulated runs for MINUTES=60, from seed FIRST=100000 on; goes on where it was stopped.
	$(BIN)/python -m tests.simulation.campaign --first $(or $(FIRST),100000) --seeds 100000 --ledgers 25 --minutes $(or $(MINUTES),60) --progress build/simulate-$(or $(FIRST),100000).json

mutants: setup  ## Plants known defects one at a time; the tests must notice 95 % of them (half an hour).
	$(BIN)/python -m tests.mutants

soak: setup  ## A network at half its capacity for MINUTES=30, with a kill every minute; memory and files must not grow.
	$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),30)

bench: setup  ## Measure four nodes, replay and visibility (some minutes); appends to bench.jsonl.
	$(BIN)/python -m tests.bench

profile: setup  ## Where a payment's microseconds go in a core node, as a table (a minute).
	$(BIN)/python -m tests.bench.profile

clean:  ## Remove what set-up and the tools made here (no data folder).
	rm -rf .venv .cache build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
