# What can be done with this checkout; `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-down test test-faults test-load test-debian13 test-contract test-controller test-sanity lint unit molecule docs trace bench clean
PYTHON := .venv/bin/python

help: ## List what can be made
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make .venv and install missing Debian packages (it says which)
	@python=$$(tools/find-python) && "$$python" -m tools.setup

demo: setup ## Start the demo fleet and run the weekly maintenance twice [DEFECTS=all or a,b]
	@$(PYTHON) -m tools.demo $(if $(DEFECTS),--defects "$(DEFECTS)")

demo-down: setup ## Remove the demo fleet
	@$(PYTHON) -m demo down

test: setup ## Run every check there is (what CI runs)
	@$(PYTHON) -m tools.suite

test-faults: setup ## Put every error into the profiles, fail every call of a backup; see that it is found
	@$(PYTHON) -m tools.suite faults

test-load: setup ## Put real services under load and see that nothing is lost
	@$(PYTHON) -m tools.suite load

test-debian13: setup ## Run the role scenarios on Debian 13 hosts [SCENARIO=name]
	@UPKEEP_DEMO_SUITE=trixie $(PYTHON) -m tools.molecule $(SCENARIO)

test-contract: setup ## Run the contract tests on every ansible-core in every way of starting a run
	@UPKEEP_CONTRACT=full $(PYTHON) -m tools.suite contract

test-controller: setup ## Start all templates of AWX and Semaphore as the servers do, and hold their rules
	@UPKEEP_CONTROLLER=full $(PYTHON) -m tools.suite controller

lint: setup ## Run ruff, mypy, yamllint and ansible-lint
	@$(PYTHON) -m tools.suite lint

unit: setup ## Run the tests that need no host: unit, regressions, house rules
	@$(PYTHON) -m tools.suite unit meta

test-sanity: setup ## Run ansible-test sanity over the modules, staged as a collection
	@$(PYTHON) -m tools.suite sanity

molecule: setup ## Run the role scenarios, three at a time [SCENARIO=name]
	@$(PYTHON) -m tools.molecule $(SCENARIO)

docs: setup ## Write what is generated: documentation, specs and defaults of roles, schema, pages
	@$(PYTHON) -m tools.docs

trace: setup ## Write docs/requirements.md and count what is delivered and tested
	@$(PYTHON) -m tools.trace

bench: setup ## Run the benchmarks [NAME=x]
	@$(PYTHON) -m tools.bench $(NAME)

clean: ## Remove virtual environments, logs and caches; keeps store/ and a running fleet
	rm -rf .venv .venv-core219 build upkeep.egg-info .cache/logs .mypy_cache .ruff_cache .pytest_cache .hypothesis
