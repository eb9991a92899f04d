#!/bin/sh
# Writes the hash-pinned locks of every set. No URL stands in them: each machine's own index serves the packages.
set -eu
cd "$(dirname "$0")/.."
lock() {
    out=$1
    shift
    uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
        --no-emit-package flowtower-shared --no-emit-package flowtower-gateway --no-emit-package flowtower-cluster-poller \
        --no-emit-package flowtower-executor --no-emit-package flowtower-alerter "$@" -o "requirements/$out.txt"
}
all="shared/pyproject.toml services/gateway/pyproject.toml services/cluster-poller/pyproject.toml services/executor/pyproject.toml services/alerter/pyproject.toml"
# shellcheck disable=SC2086
lock runtime $all
for service in gateway cluster-poller executor alerter; do
    lock "$service" "services/$service/pyproject.toml" shared/pyproject.toml -c requirements/runtime.txt
done
lock build --group pyproject.toml:build
lock local --group pyproject.toml:local -c requirements/runtime.txt -c requirements/build.txt
lock dev --group pyproject.toml:dev -c requirements/runtime.txt -c requirements/local.txt
