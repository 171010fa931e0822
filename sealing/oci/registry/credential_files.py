"""Credentials in files that other tools write: docker, podman, Kubernetes."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.registry.credentials import Credential
from sealing.oci.registry.docker_config import AskHelper, DockerConfig, parse_docker_config

# A folder is a mounted Kubernetes secret, or what docker calls its configuration.
_NAMES_IN_A_FOLDER = (".dockerconfigjson", "config.json")


@dataclass(frozen=True, slots=True)
class CredentialFile:
    """A `CredentialSource` that reads its file when it is asked; an absent file knows nothing."""

    path: Path
    ask: AskHelper = field(repr=False)
    # Told the file when others can read the secrets in it.
    warn: Callable[[Path], object] = field(repr=False)

    def find(self, registry: str, repository: str) -> Credential | None:
        """See `CredentialSource`."""
        try:
            config = self.read()
        except FileNotFoundError:
            return None
        return config.find(registry, repository)

    def read(self) -> DockerConfig:
        """Return what is in the file, or in the folder that holds one.

        Raises `FileNotFoundError`, and `SealError` (`seal-credentials-unusable`) if it cannot be
        read, others may write it (it can name programs to run), or what it says has no one meaning.
        """
        path = _file_of(self.path)
        data, readable = _read(path)
        try:
            config = parse_docker_config(data, self.ask)
        except SealError as error:
            raise _unusable(path, error.detail) from error
        if readable and config.entries:
            self.warn(path)
        return config


def _file_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = [path / name for name in _NAMES_IN_A_FOLDER if (path / name).is_file()]
    return found[0] if found else path / _NAMES_IN_A_FOLDER[0]


def _read(path: Path) -> tuple[bytes, bool]:
    """Return the bytes of a file that nobody else can write, and whether others can read it."""
    try:
        with path.open("rb") as stream:
            facts = os.fstat(stream.fileno())
            _require_ours(path, facts)
            data = stream.read(limits.CREDENTIALS_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__) from error
    return data, bool(facts.st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _require_ours(path: Path, facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise _unusable(path, "not a plain file")
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _unusable(path, f"others can write it (mode {stat.S_IMODE(facts.st_mode):04o})")
    if facts.st_uid not in (0, os.geteuid()):
        raise _unusable(path, "it belongs to another user")


def _unusable(path: Path, why: str) -> SealError:
    return SealError(SealRefusal.CREDENTIALS_UNUSABLE, f"{path}: {why}")
