# Figures, as ratios in one run. NAMES="runs latency" for some of them; WRITE=docs/figures.md keeps the table.

PEERS = .flowtower/peers
CHAOS_FULL = CHAOS_RUNS=$(or $(RUNS),5000) CHAOS_KILLS=$(or $(KILLS),100) CHAOS_AWAY=$(or $(AWAY),60) CHAOS_FROZEN=$(or $(FROZEN),60)

.PHONY: bench bench-peers chaos mutations

bench: install bench-peers ## the figures of benchmarks/, as ratios in one run; NAMES= for some, WRITE= for a file
	@$(VENV)/python -m benchmarks $(if $(WRITE),--write $(WRITE)) $(NAMES)

bench-peers: $(PEERS)/.made ## the environment of the peers that the figures stand beside

$(PEERS)/.made: benchmarks/peers.txt
	@$(PYTHON) -m venv --clear $(PEERS)
	@$(PEERS)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r benchmarks/peers.txt
	@touch $@

chaos: install test-programs ## kills, freezes, cuts and poison in full size; SEED=, RUNS=, KILLS=, AWAY=, FROZEN=
	@$(VENV)/python deploy/test/gate.py ui
	@CHAOS_SEED=$(or $(SEED),1) $(CHAOS_FULL) $(VENV)/python -m pytest -q -s --no-header tests/chaos -m chaos

mutations: install ## remove each guard of delivery in turn: a named test must notice
	@$(VENV)/python deploy/test/mutations.py $(NAMES)
