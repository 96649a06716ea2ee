# For fingers that know make; the work is done by scripts/, which each explain themselves by --help.
.DEFAULT_GOAL := help
.PHONY: up down logs seed t test bench check hooks help

up: ## build and start everything under .run/, and place a demo order
	@scripts/up

down: ## end what `make up` started; the data stays
	@scripts/down

logs: ## the last lines of all logs; of one process: make logs NAME=order-1
	@scripts/logs $(NAME)

seed: ## put the demo catalog into the running system
	@bash -c 'source scripts/instance.sh; source scripts/lib.sh; source "$$run_dir/env"; \
		".build/$${OM_PRESET:-release}/bin/omctl" seed demo'

test: ## all tests against real servers; of one kind: make test KIND=unit
	@scripts/test $(KIND)

t: ## only the tests that a change concerns: make t FILE=shared/base/backoff.c
	@scripts/t $(FILE)

bench: ## measure it
	@scripts/bench

check: ## the static checks
	@scripts/check

hooks: ## have git check what is staged before each commit
	@git config core.hooksPath scripts/hooks

help: ## this list
	@sed -n 's/^\([a-z]*\):.* ## \(.*\)/make \1	\2/p' Makefile
