# make demo, make test, make lint, make docs, make bench: each installs what it needs into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

export OMP_WAIT_POLICY := PASSIVE

# What needs a GPU, recorded scenes or files, takes the better part of an hour, or is a part of another.
NOT_ALONE := benchmarks/curves.py benchmarks/gpu.py benchmarks/real_logs.py benchmarks/render.py benchmarks/soak.py benchmarks/torch_peer.py

.PHONY: demo test lint docs bench clean

demo: $(VENV)/core
	$(BIN)/simscale-gym demo --out out

test: $(VENV)/test
	$(BIN)/pytest -n 2 --dist worksteal

lint: $(VENV)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

docs: $(VENV)/docs
	$(BIN)/python docs/api_pages.py
	$(BIN)/python docs/notebook_pages.py
	$(BIN)/zensical build --strict

bench: $(VENV)/core
	for script in $(filter-out $(NOT_ALONE),$(wildcard benchmarks/*.py)); do echo "== $$script"; $(BIN)/python $$script || exit 1; done
	$(BIN)/python benchmarks/render.py --quick

clean:
	rm -rf $(VENV) out build site docs/api docs/notebooks *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/core: setup.cfg constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	touch $@

$(VENV)/test: setup.cfg constraints.txt | $(VENV)/bin/python
	$(PIP) --editable ".[test]"
	touch $(VENV)/core $@

$(VENV)/lint: setup.cfg constraints.txt | $(VENV)/bin/python
	$(PIP) --editable ".[lint]"
	touch $(VENV)/core $@

$(VENV)/docs: setup.cfg constraints.txt | $(VENV)/bin/python
	$(PIP) --editable ".[docs]"
	touch $(VENV)/core $@
