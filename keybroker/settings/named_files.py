"""Files that broker.yaml names, and the error for one that is no use."""

from __future__ import annotations

from pathlib import Path

from keybroker import limits
from keybroker.errors import BrokerCode, BrokerError


def read_named(folder: Path, name: str) -> bytes:
    """Return the bytes of a file that the configuration names, or raise `CONFIG_INVALID`."""
    path = folder / name
    try:
        with path.open("rb") as file:
            data = file.read(limits.NAMED_FILE_BYTES + 1)
    except OSError as error:
        raise invalid(f"{path}: {error.strerror}") from error
    if len(data) > limits.NAMED_FILE_BYTES:
        raise invalid(f"{path}: more than {limits.NAMED_FILE_BYTES} bytes")
    return data


def invalid(detail: str) -> BrokerError:
    """Return the error for a configuration or a file that it names."""
    return BrokerError(BrokerCode.CONFIG_INVALID, detail)
