"""The start-up check that the packages we run are ours alone (ADR 1, guard 4)."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from sealwasm.failure import CliError, Kind

PACKAGES = ("attestation", "keybroker", "policies", "runner", "sealing", "sealwasm")


def _folder_of(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent.parent


def require_own_packages() -> Path:
    """Return the folder that holds all six packages, or raise if one comes from elsewhere.

    A stray `runner.py` in the current folder, or another distribution that installs a top-level
    `policies`, would otherwise run with our keys in its hands.
    """
    own = Path(__file__).resolve().parent.parent
    for package in PACKAGES:
        folder = _folder_of(package)
        if folder != own:
            raise CliError(
                Kind.FAULT,
                "foreign-package",
                f"the package '{package}' is not the one of this sealwasm",
                why=f"found it in {folder}, expected {own}",
                next_step="start from another folder, or install sealwasm in its own environment",
            )
    for package, stranger in _claims_of_strangers():
        raise CliError(
            Kind.FAULT,
            "foreign-package",
            f"the package name '{package}' is also claimed by {stranger}",
            next_step="install sealwasm in an environment of its own",
        )
    return own


def _claims_of_strangers() -> Iterator[tuple[str, str]]:
    """Yield our package names that another installed distribution brings as well."""
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"] or "unknown"
        if name == "sealwasm":
            continue
        # Read as text: parsing every record of an environment takes a third of a second.
        record = "\n" + (distribution.read_text("RECORD") or "")
        listed = (distribution.read_text("top_level.txt") or "").split()
        for package in PACKAGES:
            brought = any(f"\n{package}{end}" in record for end in ("/", ".py,"))
            if package in listed or brought:
                yield package, name
