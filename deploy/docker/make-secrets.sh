#!/bin/sh
# The init service of docker-compose.yml: makes the database's password and the services' keys once, and gives every
# service only what is its own. What exists is kept, since what was sealed with a key opens with no other.
set -eu
umask 077
base=/flowtower/secrets

if [ ! -s "$base/database/password" ]; then
    mkdir -p "$base/database"
    python -c "import secrets; print(secrets.token_urlsafe(32), end='')" > "$base/database/password.new"
    mv "$base/database/password.new" "$base/database/password"
fi
# The database's own image reads it as somebody else.
chmod 755 "$base/database"
chmod 444 "$base/database/password"

mkdir -p "$base/all"
python -m shared.runtime.keys "$base/all"

for service in gateway cluster-poller executor alerter; do
    own="$base/$service"
    mkdir -p "$own"
    cp "$base"/all/*.pub "$base/all/internal.key" "$own/"
    cp "$base/all/$service.key" "$own/"
    printf 'postgresql://flowtower:%s@postgres:5432/flowtower' "$(cat "$base/database/password")" > "$own/database-url"
done
echo "secrets are ready"
