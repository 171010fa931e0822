"""Libraries that only some owners need: imported when asked for, and named when missing."""

from __future__ import annotations

import importlib
from typing import Any

from sealing.errors import SealError, SealRefusal


def need(module: str, *, extra: str, what: str) -> Any:
    """Return the imported `module`, or raise an error that says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        detail = f"{what} needs more than is installed: pip install 'sealwasm[{extra}]'"
        raise SealError(SealRefusal.EXTRA_MISSING, detail) from error
