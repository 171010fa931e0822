#!/bin/sh
# Rewrites requirements/*.txt from pyproject.toml, with hashes and without any index address.
set -eu
cd "$(dirname "$0")/.."
lock() {
    output=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --no-annotate "$@" -o "requirements/$output"
}
printf 'hatchling\n' >requirements/build.in
lock base.txt pyproject.toml
lock broker.txt --extra broker pyproject.toml
lock runner.txt --extra runner pyproject.toml
lock dev.txt --extra dev pyproject.toml
# One resolution for all: the smaller sets take their versions from the development set.
lock demo.txt --extra demo pyproject.toml requirements/build.in -c requirements/dev.txt
lock guests.txt --no-deps requirements/guests.in
