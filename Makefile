# Flowtower on one machine. `make up` starts everything, `make down` stops it; the rest is listed by `make help`.
# Needs: Python 3.11 or newer, make, and package registries. All state stands in .flowtower/, and the built front end in
# services/ui/node_modules and services/ui/dist; nothing outside the checkout is touched.

PYTHON ?= $(firstword $(shell command -v python3.11 python3 2>/dev/null) python3)
LOCAL = PYTHONPATH=deploy/local $(PYTHON) -m flowtower_local
VENV = .flowtower/venv/bin

.DEFAULT_GOAL := help
.PHONY: help up down status logs demo install

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

up: ## install what is missing, start everything, wait until it is ready
	@$(LOCAL) up

demo: ## up, with two simulated Airflow clusters and a workflow that moves real messages
	@$(LOCAL) demo

down: ## stop everything
	@$(LOCAL) down

status: ## what runs, since when, where, and why something waits
	@$(LOCAL) status

logs: ## follow the logs; SERVICE=executor for one of them
	@$(LOCAL) logs $(SERVICE)

install: ## the Python environment with the tools of development
	@$(LOCAL) install --dev

-include make/*.mk
