#!/bin/sh
# Brings the programs that the tests run as real parts. As root by apt, without letting any package start a service;
# otherwise it names what is missing and fails.
set -eu

missing=""
need() { # need PACKAGE PROGRAM...: one of the programs must be there
    package=$1
    shift
    for program in "$@"; do
        if command -v "$program" >/dev/null 2>&1; then return 0; fi
    done
    missing="$missing $package"
}
need rabbitmq-server /usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq-server
need erlang-base epmd
need prometheus prometheus
need chromium /usr/lib/chromium/chromium chromium
[ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || missing="$missing fonts-dejavu-core"

ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing="$missing libfaketime"

[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need these Debian packages, and this machine has no apt-get:$missing" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "The tests need Debian packages that are missing. Install them and run again:" >&2
    echo "  sudo apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi

policy=/usr/sbin/policy-rc.d
kept=""
restore() {
    if [ -n "$kept" ]; then mv -f "$kept" "$policy"; else rm -f "$policy"; fi
}
if [ -e "$policy" ]; then
    kept="$policy.before-flowtower-tests"
    cp -p "$policy" "$kept"
fi
trap restore EXIT
trap 'exit 130' INT TERM
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

echo "Installing$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
install() { apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 $missing >/dev/null; }
install || { apt-get update -qq && install; }
