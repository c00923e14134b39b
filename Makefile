# make demo: the main job in under two minutes.  make test: everything that has to hold.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint docs benchmark clean

demo: .venv/demo
	$(BIN)/python examples/plot_demo.py

# One torch thread a worker: two of them share two cores.
test: .venv/dev lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --quiet

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

docs: .venv/docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

benchmark: .venv/demo
	$(BIN)/python benchmarks/overhead.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[data,plot]'
	touch $@

.venv/dev: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[dev]'
	touch $@

.venv/docs: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[docs]'
	touch $@

clean:
	rm -rf .venv docs/_build
