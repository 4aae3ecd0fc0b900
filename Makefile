# `make run` starts Rini, `make test` checks it. Both need Python 3.11 to 3.14 and nothing else.

PYTHON := .venv/bin/python
RUN := .venv/installed-requirements.txt
DEVELOP := .venv/installed-requirements-dev.txt
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
  --no-emit-index-url --no-emit-find-links
CODE := manage.py rini accounts billing providers memory knowledge conversations tests benchmarks
# The tests wait much: three processes of them, each with servers of its own, keep two cores busy.
PROCESSES := 3

# Other people's clients, for `make clients`: the programs of Python have a file of requirements each.
CLIENTS := var/clients
PROGRAMS := $(basename $(notdir $(wildcard tests/clients/programs/*.txt)))

# The texts of people's languages: the .po files are written by hand, the .mo files built from them.
LANGUAGES := $(wildcard rini/locale/*/LC_MESSAGES/django.po)
BUILT_LANGUAGES := $(LANGUAGES:.po=.mo)
SPOKEN := manage.py rini accounts billing providers memory knowledge conversations
TEMPLATE := rini/locale/django.pot
BABEL := .venv/bin/pybabel --quiet

.PHONY: help run test fuzz clients lint messages lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

run: $(RUN) $(BUILT_LANGUAGES) ## start Rini with its own PostgreSQL and Valkey; Ctrl-C stops it
	@exec $(PYTHON) manage.py up

test: lint $(BUILT_LANGUAGES) ## check everything (arguments for pytest: make test ARGS='-k money')
	@exec $(PYTHON) -m pytest --numprocesses $(PROCESSES) --dist loadfile $(ARGS)

fuzz: $(DEVELOP) $(BUILT_LANGUAGES) ## ask every route much nonsense, for as long as it takes (FUZZ_EXAMPLES=200)
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-200} $(PYTHON) -m pytest tests/fuzzing -x -s

clients: $(DEVELOP) $(BUILT_LANGUAGES) $(CLIENTS)/npm $(PROGRAMS:%=$(CLIENTS)/%/pip) ## try Claude Code, Codex, the AI SDK and others against Rini (needs npm and the network)
	@CLIENTS=$(CLIENTS) $(PYTHON) -m pytest tests/clients/check_clients.py $(ARGS)

$(CLIENTS)/npm: tests/clients/programs/package.json
	@mkdir -p $(CLIENTS) && cp $< $(CLIENTS) && npm install --silent --prefix $(CLIENTS) && touch $@

# Each by itself: they do not agree on the versions of what they need.
$(CLIENTS)/%/pip: tests/clients/programs/%.txt
	@python3 -m venv $(@D) && $(@D)/bin/pip install --quiet --requirement $< && touch $@

lint: $(DEVELOP) ## check style, types and import contracts
	$(PYTHON) -m ruff check $(CODE)
	$(PYTHON) -m ruff format --check $(CODE)
	$(PYTHON) -m mypy $(CODE)
	.venv/bin/lint-imports --no-cache

messages: $(RUN) ## collect the texts to translate into rini/locale/*/LC_MESSAGES/django.po
	$(BABEL) extract --mapping-file pyproject.toml --keywords "gettext_lazy gettext_noop ngettext_lazy:1,2" \
	  --add-location file --sort-by-file --width 100 --project Rini --output-file $(TEMPLATE) $(SPOKEN)
	$(BABEL) update --domain django --input-file $(TEMPLATE) --output-dir rini/locale \
	  --width 100 --ignore-obsolete --no-fuzzy-matching --ignore-pot-creation-date
	rm $(TEMPLATE)

lock: ## write the exact versions of requirements*.in to requirements*.txt (needs uv)
	$(LOCK) --upgrade requirements.in -o requirements.txt
	$(LOCK) -c requirements.txt requirements-dev.in -o requirements-dev.txt
	$(LOCK) --upgrade .ci/uv.in -o .ci/uv.txt

clean: ## remove the environment and caches; the data folder stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache static
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f $(BUILT_LANGUAGES)

%.mo: %.po $(RUN)
	$(BABEL) compile --input-file $< --output-file $@

# What is needed for developing contains what is needed for running.
$(RUN): requirements.txt
	@.ci/environment requirements.txt

$(DEVELOP): requirements.txt requirements-dev.txt
	@.ci/environment requirements-dev.txt
	@touch $(RUN)
