#!/bin/sh
# Installs the system tools that the interop tests use: docker-registry (a real registry, started
# by the tests on loopback) and skopeo (a second reader of our artifacts). Debian and Ubuntu only.
# Elsewhere it changes nothing, says so and succeeds: the tests that need a tool skip by name.
set -eu

tools="docker-registry skopeo"

missing=""
for tool in $tools; do
    if path=$(command -v "$tool"); then
        echo "have $tool ($path)"
    else
        missing="$missing $tool"
    fi
done

if [ -z "$missing" ]; then
    echo "nothing to install"
    exit 0
fi

if ! command -v apt-get >/dev/null; then
    echo "no apt-get here: install$missing by hand, or let the interop tests skip"
    exit 0
fi

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "not root and no sudo: install$missing by hand, or let the interop tests skip"
        exit 0
    fi
    as_root="sudo"
fi

echo "installing:$missing"
$as_root apt-get update
# shellcheck disable=SC2086  # a list of names
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing

case "$missing" in
*docker-registry*)
    echo "the package may have started a registry service of its own on port 5000; the tests do not"
    echo "use it: 'systemctl disable --now docker-registry' turns it off"
    ;;
esac
for tool in $missing; do
    echo "have $tool ($(command -v "$tool"))"
done
