#!/bin/sh
# Fetches the tools that the interop tests use and that this distribution has not, or only in an
# older release: cosign and oras from the development release of the distribution, and sigstore's
# JavaScript verifier by npm. Nothing of the system is changed: all of it lies below a folder of
# the user's cache, where tests/interop/tools.py looks. Where a tool cannot be had this says so and
# succeeds: the tests that need it skip.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sealwasm/tools
mkdir -p "$cache/bin"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Name of a tool and the word that makes it say its version.
works() {
    "$cache/bin/$1" version >/dev/null 2>&1
}

# The mirror, suites and keyring that apt on this machine uses for ORIGIN; nothing if none.
mirror_of() {
    apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI)' "Created-By: Packages" |
        awk -v origin="$1" '$1 == origin && $2 == "main" && $3 !~ /security/ { print $3; exit }'
}

# Fetches packages of one suite into $scratch, with a state of apt's own: fetch MIRROR SUITE KEYS NAME...
fetch() {
    mirror=$1 suite=$2 keys=$3
    shift 3
    rm -rf "$scratch/apt"
    mkdir -p "$scratch/apt/lists/partial" "$scratch/apt/cache/archives/partial" \
        "$scratch/apt/state" "$scratch/apt/debs"
    : >"$scratch/apt/state/status"
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main %s\nSigned-By: %s\n' \
        "$mirror" "$suite" "$components" "$keys" >"$scratch/apt/list.sources"
    options="-o Dir::Etc::sourcelist=$scratch/apt/list.sources -o Dir::Etc::sourceparts=/nonexistent
        -o Dir::State=$scratch/apt/state -o Dir::State::lists=$scratch/apt/lists
        -o Dir::State::status=$scratch/apt/state/status -o Dir::Cache=$scratch/apt/cache
        -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
        -o APT::Sandbox::User=$(id -un)"
    # shellcheck disable=SC2086  # a list of options
    apt-get $options -qq update || return 1
    for name in "$@"; do
        # shellcheck disable=SC2086
        (cd "$scratch/apt/debs" && apt-get $options -qq download "$name") || continue
        rm -rf "$scratch/root"
        for package in "$scratch/apt/debs/$name"_*.deb; do
            dpkg-deb -x "$package" "$scratch/root"
        done
        mv "$scratch/root/usr/bin/$name" "$cache/bin/$name"
        # A release that needs a newer system than this one is no use.
        works "$name" || rm -f "$cache/bin/$name"
    done
}

lacking() {
    for name in cosign oras; do
        works "$name" || printf ' %s' "$name"
    done
}

for name in cosign oras; do
    ! works "$name" || echo "have $name ($cache/bin/$name)"
done
if [ -n "$(lacking)" ] && command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
    components=""
    mirror=$(mirror_of Debian)
    suites="sid trixie"
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    if [ -z "$mirror" ]; then
        mirror=$(mirror_of Ubuntu)
        suites="devel"
        components="universe"
        keys=/usr/share/keyrings/ubuntu-archive-keyring.gpg
    fi
    for suite in $suites; do
        missing=$(lacking)
        [ -n "$mirror" ] && [ -n "$missing" ] || continue
        echo "fetching$missing from $suite"
        # shellcheck disable=SC2086  # a list of names
        fetch "$mirror" "$suite" "$keys" $missing || echo "$suite cannot be read from this machine's mirror"
    done
    for name in cosign oras; do
        ! works "$name" || echo "have $name ($cache/bin/$name)"
    done
fi
missing=$(lacking)
[ -z "$missing" ] || echo "cannot be had here:$missing; the interop tests that need them skip"

# What is installed was installed from the lock file that lies beside it.
lock="$here/tests/interop/npm/package-lock.json"
modules="$cache/npm"
if cmp -s "$lock" "$modules/package-lock.json"; then
    echo "have @sigstore/verify ($modules)"
elif ! command -v npm >/dev/null || ! command -v node >/dev/null; then
    echo "no npm here: the interop tests with @sigstore/verify skip; install Node.js for them"
else
    echo "installing @sigstore/verify"
    mkdir -p "$scratch/npm"
    cp "$here/tests/interop/npm/package.json" "$lock" "$scratch/npm/"
    # The lock pins every package by its digest; none has scripts to run.
    if (cd "$scratch/npm" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error); then
        rm -rf "$modules"
        mv "$scratch/npm" "$modules"
        echo "have @sigstore/verify ($modules)"
    else
        echo "cannot be had here: @sigstore/verify; the interop tests that need it skip"
    fi
fi
