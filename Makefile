# What to do with previewd. `make` alone lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo serve build check test catalogue bench clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10
	@echo
	@echo 'make demo ONCE=1       the same, and exits with the outcome'
	@echo 'make test ENGINES=all  the end-to-end tests also on Docker 26'

setup: ## Get Docker, the base images and .env; a second run takes seconds
	@scripts/setup.sh

demo: ## Show four live previews and a change to each; Ctrl-C cleans up
	@scripts/setup.sh
	@cargo build --release --locked
	@ONCE=$(ONCE) scripts/demo.sh

serve: ## Run the service in the foreground
	@scripts/setup.sh
	@cargo build --release --locked
	@exec scripts/serve.sh

build: ## Build the release binary
	@cargo build --release --locked

check: ## Format, lints, docs, protocol, licences, scripts
	@scripts/setup.sh --check
	@scripts/check.sh

test: ## Run every test, against real git and a real Docker daemon
	@scripts/setup.sh --test
	@ENGINES=$(ENGINES) scripts/test.sh

catalogue: ## Run every starting point of the catalogue and write docs/catalogue.md
	@scripts/setup.sh --test
	@cargo build --release --locked
	@scripts/catalogue.sh

bench: ## Measure previewd beside the usual ways, and the figures of the README
	@scripts/setup.sh --test
	@cargo bench --locked --bench side_by_side
	@cargo bench --locked --bench watchers
	@cargo build --release --locked
	@scripts/test.sh --timed

clean: ## Remove what was built here; images and data stay
	@cargo clean
	@rm -rf .cache
