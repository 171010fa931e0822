"""Writes the vectors of one Intel TEE. What many cases share is written once, by digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from attestation.simulated.intel.collateral import Collateral
from tests.vectors.folder import fresh_folder, write_case
from tests.vectors.intel_world import Case, Published, World


class _Shared:
    def __init__(self, folder: Path, honest: Collateral) -> None:
        self._folder = folder / "common"
        self._folder.mkdir()
        self._honest = honest
        (self._folder / "collateral.json").write_bytes(honest.to_json())

    def name(self, blob: bytes, suffix: str) -> str:
        name = f"{hashlib.sha256(blob).hexdigest()[:16]}.{suffix}"
        (self._folder / name).write_bytes(blob)
        return f"../common/{name}"

    def members(self, published: Published) -> Any:
        """Return the members that are not the honest ones, or the file of a broken document."""
        if isinstance(published, bytes):
            return self.name(published, "document.bin")
        honest = asdict(self._honest)
        return {
            member: self.name(value.encode(), f"{member}.txt")
            for member, value in asdict(published).items()
            if value != honest[member]
        }

    def pieces(self, quote: bytes) -> list[str]:
        """Return the files that make up a quote: what comes before its PEM, and the rest."""
        at = quote.find(b"-----BEGIN")
        parts = (quote[:at], quote[at:]) if at > 0 else (quote,)
        return [self.name(part, "quote.bin") for part in parts]


def write_cases(root: Path, world: World, cases: Iterable[Case]) -> None:
    """Write every case of a TEE below `root`."""
    folder = fresh_folder(root, world.tee)
    shared = _Shared(folder, world.collateral())
    for one in cases:
        document: dict[str, Any] = {
            "why": one.why,
            "expect": one.expect,
            "stage": one.stage,
            "now": f"{one.now:%Y-%m-%dT%H:%M:%SZ}",
            "anchors": one.anchors,
            "root": shared.name(one.roots[0], "cert.der"),
            "collateral": [shared.members(published) for published in one.collateral],
            "policy": one.policy,
            "quote": shared.pieces(one.quote),
            "report_data": one.report_data.hex(),
        }
        if len(one.roots) > 1:
            more = [shared.name(root, "cert.der") for root in one.roots[1:]]
            document["more_roots"] = more
        if one.claims:
            document["claims"] = one.claims
        if one.event_log is not None:
            document["event_log"] = shared.name(one.event_log, "event_log.bin")
        write_case(folder, one.name, document)
