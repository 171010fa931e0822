"""One target under atheris: `python -m tests.fuzz.one NAME CORPUS [libFuzzer options]`."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["attestation", "sealing"]):
    from attestation.errors import EvidenceError
    from tests.fuzz.registry import all_targets


def main() -> None:
    name, *options = sys.argv[1:]
    run = all_targets()[name].run

    def one_input(data: bytes) -> None:
        try:
            run(data)
        except EvidenceError:
            return

    atheris.Setup([sys.argv[0], *options], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
