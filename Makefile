# The verbs: demo, test, soak, bench, docs. Each sets up what it needs from Python and pip alone.
PYTHON ?= python3
ifeq ($(OS),Windows_NT)
  BIN := .venv/Scripts
else
  BIN := .venv/bin
endif

.PHONY: demo test soak bench docs setup setup-dev

demo: setup          ## install what is needed and open the living demo plant
	$(BIN)/taktwin demo

test: setup-dev      ## format, lint, types, imports, tests: what the robot runs
	$(BIN)/python tools/check.py

soak: setup-dev      ## the long runs: hours, resumable
	$(BIN)/python tools/check.py --soak

bench: setup-dev     ## measure against peers and limits; exit code 1 if a bar is missed
	$(BIN)/python -m benchmarks

docs: setup-dev      ## write the generated reference pages
	$(BIN)/python tools/docs.py

setup:
	$(PYTHON) tools/bootstrap.py

setup-dev:
	$(PYTHON) tools/bootstrap.py --dev
