# make demo: the main job in under two minutes.  make test: everything that has to hold.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint docstrings docs benchmark results clean

REPRODUCE = $(BIN)/python -m benchmarks.reproduce --out docs/results
COMPARE = $(BIN)/python -m benchmarks.compare --out docs/results/compare
THREE = all_rows,default,infobatch
NETS = random_rows,sdlr_eq9,$(THREE),selective_backprop,skorch,sklearn_mlp

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

# Shared texts, from tools/docstring_texts.py into the estimators.
docstrings: .venv/dev
	$(BIN)/python tools/write_docstrings.py

# The gallery runs the examples whose names match: `make docs EXAMPLES=plot_recall` leaves out the
# demo, which takes longest.
EXAMPLES ?= plot_
docs: .venv/docs
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -b html \
	  -D sphinx_gallery_conf.filename_pattern=$(EXAMPLES) docs docs/_build/html

benchmark: .venv/demo
	$(BIN)/python -m benchmarks.speed

# Hours; what is in docs/results already is not run again. SK_SDLR_DATA names the data folder.
results: .venv/demo
	$(REPRODUCE) mnist_dnn --seeds 5
	$(REPRODUCE) mnist_dbn --seeds 2
	$(REPRODUCE) mnist_cnn --seeds 1 --dtype bfloat16
	$(REPRODUCE) cifar10_cnn --seeds 1 --dtype bfloat16
	for rate in linear constant; do for table in table4 table5; do \
	  $(REPRODUCE) $$table --seeds 10 --lr-schedule $$rate; done; done
	for rate in 0.01 0.1; do \
	  $(REPRODUCE) higgs_7_20_20_2 --seeds 5 --lr-schedule constant --lr $$rate; done
	for figure in 2 5 6 7 8 9; do $(REPRODUCE) figure$$figure; done
	$(REPRODUCE) figure10 --dtype bfloat16
	$(COMPARE) --dataset mnist --seeds 3 --methods twice,$(NETS)
	$(COMPARE) --dataset mnist --seeds 1 --methods hist_gradient_boosting
	for set in higgs higgs28; do \
	  $(COMPARE) --dataset $$set --seeds 10; \
	  $(COMPARE) --dataset $$set --seeds 10 --lr 0.4 --methods $(THREE); done
	$(COMPARE) --dataset cifar10 --visits 8 --seeds 1 --methods $(NETS)
	$(COMPARE) --dataset cifar10 --visits 8 --seeds 4 --methods $(THREE)
	$(COMPARE) --dataset cifar10 --visits 8 --seeds 1 --lr 0.01 --methods $(THREE)
	$(BIN)/python docs/make_results.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[benchmarks]'
	touch $@

.venv/dev: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[dev]'
	touch $@

.venv/docs: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[docs]'
	touch $@

clean:
	rm -rf .venv docs/_build
