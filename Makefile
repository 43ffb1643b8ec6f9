# Two commands are all a fresh machine needs: `make demo` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python

.PHONY: help env demo test lint bench format clean

help:
	@echo "make demo     load real purchases, train, and leave a service running on 127.0.0.1:8080"
	@echo "make test     every test, with the environment and system packages they need"
	@echo "make lint     ruff, mypy --strict, import-linter, hadolint"
	@echo "make format   let ruff mend layout and imports"
	@echo "make bench    ratios of throughput, latency, training time and memory"
	@echo "make env      the development environment in .venv"
	@echo "make clean    remove the environment and caches (data in var/ stays)"

.venv/.demo: pyproject.toml constraints.txt scripts/environment
	@scripts/environment demo
	@touch $@

.venv/.dev: pyproject.toml constraints.txt scripts/environment
	@scripts/environment dev,demo
	@touch .venv/.demo $@

env: .venv/.dev

demo: .venv/.demo
	@OFFERS_DATA_DIR="$${OFFERS_DATA_DIR:-var}" OFFERS_MODELS_DIR="$${OFFERS_MODELS_DIR:-models/artifacts}" \
	 OFFERS_CURRENCY="$${OFFERS_CURRENCY:-USD}" .venv/bin/offers demo

test: .venv/.dev
	@scripts/system-packages
	@$(PY) -m pytest $(ARGS)

lint: .venv/.dev
	@failed=0; run() { "$$@" || { failed=1; echo "FAILED: $$*" >&2; }; }; \
	run .venv/bin/ruff check .; \
	run .venv/bin/ruff format --check .; \
	run .venv/bin/mypy; \
	run .venv/bin/lint-imports; \
	run scripts/lint-dockerfile; \
	exit $$failed

format: .venv/.dev
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

bench: .venv/.dev
	@$(PY) -m benchmarks $(ARGS)

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
