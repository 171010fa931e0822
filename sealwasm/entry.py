"""Where the `sealwasm` command starts: says what is missing where only the library is installed."""

from __future__ import annotations

import sys

_MISSING = """\
error[cli-missing]: this installation is the library alone; {name} is not installed
   next: pip install '.[cli]' (or '.[demo]' for brokers and runners too)
"""


def main() -> None:
    """Run the command line, or say which extra it needs."""
    try:
        from sealwasm.cli import main as run
    except ModuleNotFoundError as error:
        if error.name not in {"click", "httpx", "rich"}:
            raise
        sys.stderr.write(_MISSING.format(name=error.name))
        sys.exit(2)
    run()
