"""How a simulated Intel platform is kept in a folder: a secret, a state, what is published."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from attestation.encoding import canonical_json, parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_STATE_BYTES
from attestation.simulated.intel.hierarchy import Identity, PckCa
from attestation.simulated.store import FolderStore

Fault = TypeVar("Fault", bound=StrEnum)

_STATE: Final = "state.json"
_SECRET: Final = "platform.secret"  # noqa: S105 - a file name
_SECRET_BYTES: Final = 48
_PCK_CAS: Final[dict[str, PckCa]] = {"platform": "platform", "processor": "processor"}
_NOTICE: Final = """SIMULATED

This folder is a simulated Intel {name} platform. Its keys are files, so evidence made with them
proves nothing about any hardware. Never add its root to the trust store of anything that matters.
Its collateral counts for a year from the platform's creation, where Intel's own counts 30 days.
"""


def create_folder(
    folder: Path,
    *,
    tee: str,
    now: datetime,
    pck_ca: str,
    faults: Iterable[str],
    entropy: Callable[[int], bytes],
) -> None:
    """Write secret and state of a new platform.

    Raises `FileExistsError` if something is there already, `ValueError` for an unknown CA.
    """
    if pck_ca not in _PCK_CAS:
        raise ValueError(f"pck_ca is {pck_ca}, expected one of {', '.join(_PCK_CAS)}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    store = FolderStore(folder)
    store.save("SIMULATED.txt", _NOTICE.format(name=tee.upper()).encode())
    store.save(_SECRET, entropy(_SECRET_BYTES))
    state = {
        "created": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "faults": sorted(faults),
        "format": 1,
        "pck_ca": pck_ca,
        "platform": entropy(4).hex(),
        "simulated": True,
        "tee": tee,
    }
    store.save(_STATE, canonical_json(state))


def load_folder(folder: Path, *, tee: str, known: type[Fault]) -> tuple[Identity, frozenset[Fault]]:
    """Return the platform's identity and faults; raise `EvidenceError` if it holds none."""
    store = FolderStore(folder)
    data = store.load(_STATE)
    if data is None:
        raise EvidenceError(Refusal.MALFORMED, "folder holds no simulated platform")
    state: Any = parse_json(data, limit_bytes=MAX_STATE_BYTES, what=_STATE)
    secret = store.load(_SECRET) or b""
    if len(secret) != _SECRET_BYTES:
        raise EvidenceError(Refusal.MALFORMED, "simulated platform has lost its secret")
    try:
        identity = Identity(
            platform=str(state["platform"]),
            created=datetime.fromisoformat(state["created"]),
            secret=secret,
            pck_ca=_PCK_CAS[state["pck_ca"]],
        )
        faults = frozenset(map(known, state["faults"]))
        of_tee = state["tee"] == tee
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(Refusal.MALFORMED, "state of simulated platform") from error
    if not of_tee:
        raise EvidenceError(Refusal.MALFORMED, f"simulated platform is not one of {tee}")
    return identity, faults
