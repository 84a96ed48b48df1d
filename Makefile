# Every target works from a fresh clone: it makes .venv and installs the package into it first. What is installed is
# remembered in .venv under the checksum of the packaging files, so nothing is fetched again until they change.

PYTHON ?= python3
export PYTHON FOR KEEP

RECIPE := $(shell cat setup.cfg pyproject.toml tools/venv | cksum | tr ' ' '-')
RUN := .venv/.cpetwin-run-$(RECIPE)
DEV := .venv/.cpetwin-dev-$(RECIPE)
BIN := .venv/bin

.PHONY: help demo test test-long lint bench clean

help:
	@echo 'make demo [FOR=60] [KEEP=1]   a server and a simulated fleet to try; FOR: seconds, then stop by itself'
	@echo 'make test                     lint, types, architecture and all quick tests'
	@echo 'make test-long                the tests that run for minutes'
	@echo 'make lint                     ruff, mypy --strict on the core rooms, import contracts'
	@echo 'make bench                    the tables of docs/benchmarks.md'
	@echo 'make clean                    remove .venv and everything the other targets made'

demo: $(RUN)
	@$(BIN)/python -m cpetwin.demo

test: lint packages
	$(BIN)/python -m pytest -n 2

test-long: $(DEV) packages
	$(BIN)/python -m pytest -n 2 -m long --timeout 900

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(RUN)
	$(BIN)/python -m benchmarks

.PHONY: packages
packages: $(DEV)
	@tools/debian-packages .venv/setup-skips

$(RUN):
	@tools/venv .venv all
	@touch $@

$(DEV):
	@tools/venv .venv all,test,dev
	@touch $(RUN) $@

clean:
	rm -rf .venv .demo build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
