#!/bin/sh
# Starts the service that this image carries; further words go to it (start-service setup-link).
# --is-alive asks its /healthz instead, for the image's health check.
set -eu

# NAME_FILE: the value stands in a file, which is how secrets are handed to containers.
for name in $(env | sed -n 's/^\(FLOWTOWER_[A-Z0-9_]*\)_FILE=.*/\1/p'); do
    eval "file=\$${name}_FILE"
    value=$(cat "$file") || { echo "${name}_FILE: $file cannot be read" >&2; exit 1; }
    export "$name=$value"
    unset "${name}_FILE"
done

if [ "${1:-}" = "--is-alive" ]; then
    exec python -c "import os, urllib.request
urllib.request.urlopen('http://127.0.0.1:' + os.environ['FLOWTOWER_PORT'] + '/healthz', timeout=4)"
fi
exec python -m "$(printf '%s' "$FLOWTOWER_SERVICE" | tr - _)" "$@"
