# SPDX-License-Identifier: Apache-2.0
# `make demo` and `make test` need Python and make; the tests also Node 20 or newer.

PYTHON ?= python3
SERVE ?= 1
PORT ?= 6006
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt
STAMPS := $(VENV)/.stamps
#: Tests that neither start processes nor train for more than a second.
QUICK := tests/docs tests/format tests/measure tests/probe tests/reading tests/rules tests/run tests/tab
FRONTEND := $(shell find frontend/src -type f 2>/dev/null) frontend/package-lock.json frontend/vite.config.ts tb_xai_plugin/format/schema.proto

.PHONY: help demo check test lint types unit python-tests frontend-lint frontend-tests browser-tests frontend proto docs screenshots bench bench-first-run bench-browser bench-trust bench-diagnosis clean distclean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(STAMPS)/demo  ## train three small networks and open the tab; SERVE=0 only trains, PORT=6006
	$(BIN)/tb-xai demo --log_dir demo_logs --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve)

check: lint types frontend-lint  ## linters, types and the quick tests: under a minute
	$(BIN)/pytest -n 2 -m "not slow and not browser" $(QUICK)

test: lint types frontend-tests python-tests browser-tests  ## everything: linters, types, TypeScript, Python, Chromium

lint: $(STAMPS)/dev  ## ruff and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(STAMPS)/dev  ## mypy
	$(BIN)/mypy

unit: $(STAMPS)/dev  ## the fast Python tests
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow and not browser"

python-tests: unit  ## all Python tests but the browser's, the slow ones last
	$(BIN)/pytest -n 2 --dist loadfile -m "slow and not browser"

frontend-lint: $(STAMPS)/node  ## Biome, the direction of imports, tsc
	cd frontend && npm run --silent lint && npm run --silent format:check && npm run --silent check

frontend-tests: frontend-lint  ## TypeScript: lint, types, Vitest, and a rebuild that must give the committed bytes
	cd frontend && npm run --silent test
	$(BIN)/python frontend/scripts/verify_build.py

browser-tests: $(STAMPS)/node $(STAMPS)/chromium  ## the tab in real Chromium on real TensorBoard
	$(BIN)/pytest -m browser

frontend: $(STAMPS)/node  ## build the tab into tb_xai_plugin/tab/static
	cd frontend && npm run --silent build

proto: $(STAMPS)/dev $(STAMPS)/node  ## generate Python and TypeScript from schema.proto
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. tb_xai_plugin/format/schema.proto
	cd frontend && npm run --silent proto

docs: $(STAMPS)/dev  ## write the tables of docs/ and the examples of EXTENDING.md anew, from the code
	$(BIN)/python tests/docs/generate.py

bench-diagnosis: $(STAMPS)/dev  ## the rules, and those of three other tools, on the development set (half an hour)
	$(BIN)/python -m benchmarks.diagnosis.run --seeds 3 --json benchmarks/diagnosis.json --markdown benchmarks/diagnosis.md

bench: $(STAMPS)/bench  ## speed and size beside other tools, on an idle machine (40 minutes); ONLY="start trust"
	$(BIN)/python -m benchmarks.run $(ONLY:%=--only %) --json benchmarks/figures.json --markdown benchmarks/figures.md

bench-first-run: $(STAMPS)/dev  ## what a first run with every default shows and costs (fifteen minutes)
	$(BIN)/python -m benchmarks.first_run --json benchmarks/first_run.json

bench-browser: $(STAMPS)/node $(STAMPS)/chromium  ## script time per frame in Chromium, 64 samples × 200 steps × 3 methods
	$(BIN)/python benchmarks/browser_frames.py --json benchmarks/browser_frames.json

bench-trust: $(STAMPS)/dev  ## sanity table, deletion and insertion of the methods on digits
	$(BIN)/python -m benchmarks.run --only trust

screenshots: $(STAMPS)/node $(STAMPS)/chromium  ## the pictures of the README, from a fresh demo
	$(BIN)/python tests/browser/screenshots.py

clean:  ## remove what tests and builds left
	rm -rf demo_logs build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

distclean: clean  ## and the environments, so that all is as in a fresh clone
	rm -rf $(VENV) frontend/node_modules

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(STAMPS)/demo: setup.py pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[demo]'
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/dev: setup.py pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[dev]'
	@mkdir -p $(STAMPS) && touch $@ $(STAMPS)/demo

$(STAMPS)/bench: $(STAMPS)/dev
	$(PIP) -e '.[dev,bench]'
	$(PIP) --no-deps 'grad-cam>=1.5' 'ttach>=0.0.3'  # its torchvision would bring another torch with CUDA
	@touch $@

$(STAMPS)/node: frontend/package-lock.json $(STAMPS)/dev
	cd frontend && npm ci --silent --no-audit --no-fund
	@touch $@

$(STAMPS)/chromium: $(STAMPS)/dev
	$(BIN)/python tests/browser/chromium.py
	@touch $@
