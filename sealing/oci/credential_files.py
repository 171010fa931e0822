"""Credentials in files that other tools write: docker, podman, Kubernetes."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.credentials import Credential
from sealing.oci.docker_config import AskHelper, DockerConfig, parse_docker_config

# A folder is a mounted Kubernetes secret, or what docker calls its configuration.
_NAMES_IN_A_FOLDER = (".dockerconfigjson", "config.json")


@dataclass(frozen=True, slots=True)
class CredentialFile:
    """A `CredentialSource` that reads its file when it is asked; an absent file knows nothing."""

    path: Path
    ask: AskHelper = field(repr=False)

    def find(self, registry: str, repository: str) -> Credential | None:
        """See `CredentialSource`."""
        try:
            config, _ = read_credentials(self.path, self.ask)
        except FileNotFoundError:
            return None
        return config.find(registry, repository)


def read_credentials(path: Path, ask: AskHelper) -> tuple[DockerConfig, bool]:
    """Return what is in a file, or in a folder that holds one; and whether others can read it.

    Raises `FileNotFoundError`, and `SealError` (`seal-credentials-unusable`) if it cannot be read,
    others may write it (it can name programs to run), or what it says has no one meaning.
    """
    if path.is_dir():
        found = [path / name for name in _NAMES_IN_A_FOLDER if (path / name).is_file()]
        path = found[0] if found else path / _NAMES_IN_A_FOLDER[0]
    try:
        with path.open("rb") as stream:
            facts = os.fstat(stream.fileno())
            _require_ours(path, facts)
            data = stream.read(limits.CREDENTIALS_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__) from error
    try:
        config = parse_docker_config(data, ask)
    except SealError as error:
        raise _unusable(path, error.detail) from error
    return config, bool(config.entries) and bool(facts.st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _require_ours(path: Path, facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise _unusable(path, "not a plain file")
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _unusable(path, f"others can write it (mode {stat.S_IMODE(facts.st_mode):04o})")
    if facts.st_uid not in (0, os.geteuid()):
        raise _unusable(path, "it belongs to another user")


def _unusable(path: Path, why: str) -> SealError:
    return SealError(SealRefusal.CREDENTIALS_UNUSABLE, f"{path}: {why}")
