"""What a runner is: a digest over every file of its packages, its engine and its interpreter.

This is what simulated silicon measures at launch and what `sealwasm reference measure` recomputes.
Format: docs/specs/receipt.md section 6.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from attestation.simulated.measure import measure_files
from runner.engine.binding import library_path
from runner.errors import RunnerCode, RunnerError

# All six, although a runner uses little of the last two: one distribution is installed as a whole,
# and a rule without exceptions is the one a reader can check.
PACKAGES: Final = ("attestation", "keybroker", "policies", "runner", "sealing", "sealwasm")
CACHE_FOLDER: Final = "__pycache__"
# Ours have some two hundred files of a few KiB.
MAX_FILES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Measurement:
    """48 bytes, as a launch digest has them, and what they are made of: path → SHA-256, facts."""

    digest: bytes
    files: Mapping[str, bytes]
    facts: Mapping[str, str]

    @property
    def hex(self) -> str:
        """The digest as policies name it."""
        return self.digest.hex()

    def to_document(self) -> dict[str, Any]:
        """Return the measurement for people and programs that compare two of them."""
        files = {path: digest.hex() for path, digest in self.files.items()}
        return {"measurement": self.hex, "files": files, "facts": dict(self.facts)}


def installation() -> Path:
    """Return the folder that this runner's packages are imported from."""
    return Path(__file__).resolve().parents[1]


def runner_measurement(root: Path | None = None) -> Measurement:
    """Return the measurement of the installation in `root`, by default of the running one.

    Engine and interpreter are always those of this process. Compiled caches are not measured: a
    simulated launch proves nothing against who can write next to the code (docs/limitations.md).
    Raises `RunnerError` if a package is missing or holds anything but files and folders.
    """
    folder = installation() if root is None else root
    files = dict(_digests(folder))
    facts = {
        "engine": _digest(library_path()).hex(),
        "machine": platform.machine(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    return Measurement(measure_files(files, facts), files, facts)


def _digests(root: Path) -> Iterator[tuple[str, bytes]]:
    count = 0
    for package in PACKAGES:
        if not (root / package).is_dir():
            raise _unmeasurable(f"there is no package {package} in {root}")
        for path in _files(root / package):
            count += 1
            if count > MAX_FILES:
                raise _unmeasurable(f"more than {MAX_FILES} files in {root}")
            yield path.relative_to(root).as_posix(), _digest(path)


def _files(folder: Path) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = Path(entry.path)
        if not entry.name.isascii():
            raise _unmeasurable(f"{entry.path!a} has a name that not every system reads alike")
        if entry.is_dir(follow_symlinks=False):
            if entry.name != CACHE_FOLDER:
                yield from _files(path)
        elif entry.is_file(follow_symlinks=False):
            yield path
        else:
            raise _unmeasurable(f"{path} is neither a file nor a folder")


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise _unmeasurable(f"{path}: {error.strerror}") from error


def _unmeasurable(detail: str) -> RunnerError:
    return RunnerError(RunnerCode.NOT_MEASURABLE, detail)
