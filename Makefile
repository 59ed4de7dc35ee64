# 共治 gongzhi. `make demo` and `make test` need Python 3.11+ and nothing else; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two workers: what the project is sized for. `make test PYTEST_ARGS="-k mediation"` runs a part.
PYTEST_ARGS ?= -n 2

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset test lint types contracts check format lock bench bench-graphql bench-hostile bench-access schema clean

help:  ## What can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: $(VENV)/.run  ## Set everything up with a real county, handle a case, leave the server running
	@$(BIN)/gongzhi demo

demo-reset: $(VENV)/.run  ## Throw the demonstration's data away and start over
	@$(BIN)/gongzhi demo --reset

test: $(VENV)/.dev  ## Run the tests
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.dev  ## Lint and check the formatting
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.dev  ## Check the types
	@$(BIN)/mypy

contracts: $(VENV)/.dev  ## Check who may import whom
	@$(BIN)/lint-imports

check: lint types contracts test  ## All of the above

format: $(VENV)/.dev  ## Format, and mend what the linter can
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: $(VENV)/.dev  ## Print the figures
	@$(BIN)/python benchmarks/onboarding.py
	@$(BIN)/python benchmarks/footprint.py

bench-graphql: $(VENV)/.dev  ## Measure GraphQL beside PostGraphile and a server by hand (BENCH_ARGS="--quick")
	@$(BIN)/python benchmarks/bench_graphql.py $(BENCH_ARGS)

bench-hostile: $(VENV)/.dev  ## Print the CPU that hostile requests cost
	@$(BIN)/python benchmarks/hostile.py

bench-access: $(VENV)/.dev  ## Measure access checks beside plain pycasbin, as grants grow (BENCH_ARGS="--quick")
	@$(BIN)/python benchmarks/bench_access.py $(BENCH_ARGS)

schema: $(VENV)/.dev  ## Write the published GraphQL schema and the error reference
	@$(BIN)/gongzhi schema export --output tests/graphql/schema.graphql
	@$(BIN)/gongzhi schema errors --output docs/errors.md

lock: $(VENV)/.dev  ## Resolve the dependencies anew, with hashes and without an index
	@$(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-annotate \
		--custom-compile-command "make lock" --quiet $(LOCK_ARGS) pyproject.toml --group build -o requirements.txt
	@$(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-annotate \
		--custom-compile-command "make lock" --quiet $(LOCK_ARGS) pyproject.toml --group dev -o requirements-dev.txt
	@$(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-annotate \
		--custom-compile-command "make lock" --quiet $(LOCK_ARGS) \
		--group docs/integrator-afternoon/python/pyproject.toml:client \
		-o docs/integrator-afternoon/python/requirements.txt

clean:  ## Remove what was built here; data folders stay
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed 需要 Python 3.11 以上")'
	@echo "正在创建 .venv creating .venv …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(BIN)/python requirements.txt pyproject.toml
	@echo "正在安装依赖 installing packages …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@echo "正在安装开发依赖 installing development packages …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
