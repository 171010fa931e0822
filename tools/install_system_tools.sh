#!/bin/sh
# Installs the system tools that the interop tests use: docker-registry (a real registry, started
# by the tests on loopback), skopeo (a second reader of our artifacts), swtpm (a TPM 2.0 in
# software), tpm2-tools (a second client of it), softhsm2 (a PKCS#11 token in software) and FUSE
# (for a pretended configfs). Debian and Ubuntu only. Elsewhere it changes nothing, says so and
# succeeds: tests that need a tool skip.
set -eu

# A command, and the package that has it where the names differ.
tools="docker-registry skopeo swtpm swtpm_setup:swtpm-tools tpm2_quote:tpm2-tools fusermount3:fuse3
softhsm2-util:softhsm2"

missing=""
commands=""
for tool in $tools; do
    name=${tool%%:*}
    if path=$(command -v "$name"); then
        echo "have $name ($path)"
    else
        missing="$missing ${tool##*:}"
        commands="$commands $name"
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
for name in $commands; do
    echo "have $name ($(command -v "$name"))"
done
