"""TDX and SGX: quotes of every version, PCK extensions, collateral, TCB info, QE identity."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attestation.errors import EvidenceError
from attestation.intel.chains import parse_chain
from attestation.intel.collateral import parse_document
from attestation.intel.pck import PCK_EXTENSION, parse_pck_extension
from attestation.intel.qe_identity import parse_qe_identity
from attestation.intel.quote import parse_endorsed_key, parse_quote
from attestation.intel.signed_json import decode
from attestation.intel.tcb_info import parse_tcb_info
from tests.fuzz.target import Target

VECTORS = Path(__file__).parents[2] / "vectors"


def _cases(tee: str) -> list[Path]:
    found = sorted((VECTORS / tee).glob("*/case.json"))
    return found[:: max(1, len(found) // 16)]


def _quotes() -> Iterable[bytes]:
    for tee in ("tdx", "sgx"):
        for path in _cases(tee):
            names = json.loads(path.read_bytes())["quote"]
            yield b"".join((path.parent / name).read_bytes() for name in names)


def _extensions() -> Iterable[bytes]:
    for quote in _quotes():
        with contextlib.suppress(EvidenceError):
            leaf = parse_chain(parse_endorsed_key(parse_quote(quote)).certification)[0]
            if PCK_EXTENSION in leaf.extensions:
                yield leaf.extensions[PCK_EXTENSION].value


def _collateral() -> Iterable[bytes]:
    for tee in ("tdx", "sgx"):
        yield (VECTORS / tee / "common" / "collateral.json").read_bytes()


def _signed(member: str) -> Iterable[bytes]:
    return [json.loads(document)[member].encode() for document in _collateral()]


def _quote(data: bytes) -> object:
    return parse_endorsed_key(parse_quote(data))


def _json(data: bytes) -> Any:
    return decode(data, what="signed JSON")


TARGETS = [
    Target("intel-quote", _quote, _quotes),
    Target("pck-extension", parse_pck_extension, _extensions),
    Target("intel-collateral", parse_document, _collateral),
    Target("tcb-info", lambda data: parse_tcb_info(_json(data)), lambda: _signed("tcb_info")),
    Target(
        "qe-identity", lambda data: parse_qe_identity(_json(data)), lambda: _signed("qe_identity")
    ),
]
