# `make run` starts Rini, `make test` checks it. Both need Python 3.11 to 3.14 and nothing else.

PYTHON := .venv/bin/python
RUN := .venv/installed-requirements.txt
DEVELOP := .venv/installed-requirements-dev.txt
CODE := manage.py rini accounts billing providers memory knowledge conversations tests

.PHONY: help run test lint lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

run: $(RUN) ## start Rini with its own PostgreSQL and Valkey; Ctrl-C stops it
	@exec $(PYTHON) manage.py up

test: $(DEVELOP) ## run every test (arguments for pytest: make test ARGS='-k money')
	@exec $(PYTHON) -m pytest $(ARGS)

lint: $(DEVELOP) ## check style and types
	$(PYTHON) -m ruff check $(CODE)
	$(PYTHON) -m ruff format --check $(CODE)
	$(PYTHON) -m mypy $(CODE)

lock: ## write the exact versions of requirements*.in to requirements*.txt (needs uv)
	uv pip compile --universal --generate-hashes --no-header --python-version 3.11 --upgrade \
	  requirements.in -o requirements.txt
	uv pip compile --universal --generate-hashes --no-header --python-version 3.11 \
	  -c requirements.txt requirements-dev.in -o requirements-dev.txt

clean: ## remove the environment and caches; the data folder stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache static
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What is needed for developing contains what is needed for running.
$(RUN): requirements.txt
	@.ci/environment requirements.txt

$(DEVELOP): requirements.txt requirements-dev.txt
	@.ci/environment requirements-dev.txt
	@touch $(RUN)
