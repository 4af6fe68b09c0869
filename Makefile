# Everything a newcomer or a check needs. `make demo` and `make test` set up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-all check format lint types imports clean

demo: $(READY)
	$(BIN)/depthbench run studies/smoke.toml

test: $(READY)
	$(BIN)/python -m pytest -n auto -m "not slow"

test-all: $(READY)
	$(BIN)/python -m pytest -n auto

check: lint types imports test-all

format: $(READY)
	$(BIN)/ruff format depthbench tests setup.py
	$(BIN)/ruff check --fix depthbench tests setup.py

lint: $(READY)
	$(BIN)/ruff format --check depthbench tests setup.py
	$(BIN)/ruff check depthbench tests setup.py

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

# Made anew only when the dependencies or the compiled kernels change.
$(READY): pyproject.toml setup.py $(wildcard depthbench/kernels/native/*)
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info depthbench/kernels/_native*
