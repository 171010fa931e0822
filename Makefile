# Every target sets up what it needs by itself; python3 (3.11+, with venv), make and git are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test tools lint bench fuzz vectors guests lock clean
.DEFAULT_GOAL := demo

# The two install steps are apart so that `make demo` waits for no test tool.
$(VENV)/.demo: requirements/demo.txt requirements/guests.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("sealwasm needs Python 3.11 or newer; this is %s. Try: make PYTHON=python3.12 demo" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/demo.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/guests.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.demo requirements/dev.txt
	@echo "setting up the test tools (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(VENV)/.demo
	@$(BIN)/sealwasm demo

test: $(VENV)/.dev
	@rm -f .coverage .coverage.*
	@COVERAGE_FILE=.coverage $(BIN)/python -m pytest -n 2 --dist loadgroup --cov --cov-config=pyproject.toml --cov-report=
	@$(BIN)/python tools/coverage_gate.py

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/house_rules.py

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.bench

# Every parser of strangers' bytes, SECONDS each.
SECONDS ?= 300
fuzz: $(VENV)/.dev
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

vectors: $(VENV)/.dev
	@$(BIN)/python -m tests.vectors

guests: $(VENV)/.dev
	@$(BIN)/python -m tests.guests

# Tools for the interop tests (Debian, Ubuntu). Without them those tests skip and say so.
tools:
	@sh tools/install_system_tools.sh
	@sh tools/install_user_tools.sh

# Rewrites the hash-locked requirement files; needs `uv` on the path.
lock:
	@sh tools/lock.sh

clean:
	@rm -rf $(VENV) build dist .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
