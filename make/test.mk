# The checks, all together or by name. Each brings what it needs: the Python environment, Debian's packages (as root), the front end.

GATE = $(VENV)/python deploy/test/gate.py

.PHONY: test test-repo test-unit test-connected test-airflow test-browser test-chaos lint types imports test-programs

test: install test-programs ## every check and every test, on real parts
	@$(GATE)

test-programs: ## the Debian packages that the tests run as real parts
	@deploy/test/system-packages.sh

test-repo: install ## rules about the repository itself
	@$(GATE) repo

test-unit: install ## tests without any real part
	@$(GATE) unit

test-connected: install test-programs ## tests on real Kafka, PostgreSQL, RabbitMQ, SMTP, Prometheus
	@$(GATE) ui connected

test-airflow: install test-programs ## tests on real Airflow 2 and 3
	@$(GATE) ui airflow

test-browser: install test-programs ## tests in a real Chromium
	@$(GATE) ui browser

test-chaos: install test-programs ## kills, cuts and poison
	@$(GATE) ui chaos

lint: install ## ruff, rules and format; djlint on the templates
	@$(GATE) lint

types: install ## mypy, strict
	@$(GATE) types

imports: install ## who may import what
	@$(GATE) imports
