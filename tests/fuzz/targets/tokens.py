"""Tokens: form and signature, and each issuer's whole verifier with keys that signed the seeds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from attestation.ear import Unsafe
from attestation.jws import parse_jws
from attestation.keys import load_keys
from attestation.tokens import (
    GcsPolicy,
    ItaPolicy,
    MaaPolicy,
    NrasPolicy,
    verify_gcs,
    verify_ita,
    verify_maa,
    verify_nras,
)
from tests.fakes.silicon import NOW
from tests.fuzz.target import Target
from tests.vectors.tokens_cases import KEYS as KEY_FILES

VECTORS = Path(__file__).parents[2] / "vectors" / "tokens"
KEYS = {kind: load_keys(data) for kind, data in KEY_FILES.items()}
ANY = Unsafe.NOT_CHECKED


def _seeds(kind: str) -> Callable[[], list[bytes]]:
    found = sorted(VECTORS.glob(f"{kind}-*/token.bin"))
    return lambda: [path.read_bytes() for path in found[:: max(1, len(found) // 8)]]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _payload(data: bytes) -> object:
    """Fuzz what is behind the signature: any bytes as the inner part of a token."""
    return parse_jws(_text(data), algorithms=("RS256", "PS384", "ES384")).members()


def _nras(data: bytes) -> object:
    policy = NrasPolicy(nonce=ANY, hwmodels=ANY)
    return verify_nras(data, keys=KEYS["nras"], policy=policy, now=NOW)


TARGETS = [
    Target("jws", _payload, _seeds("gcs")),
    Target(
        "token-maa",
        lambda data: verify_maa(_text(data), keys=KEYS["maa"], policy=MaaPolicy(ANY, ANY), now=NOW),
        _seeds("maa"),
    ),
    Target(
        "token-gcs",
        lambda data: verify_gcs(_text(data), keys=KEYS["gcs"], policy=GcsPolicy(ANY, ANY), now=NOW),
        _seeds("gcs"),
    ),
    Target(
        "token-ita",
        lambda data: verify_ita(_text(data), keys=KEYS["ita"], policy=ItaPolicy(ANY, ANY), now=NOW),
        _seeds("ita"),
    ),
    Target("token-nras", _nras, _seeds("nras")),
    Target("key-set", load_keys, lambda: [*KEY_FILES.values(), json.dumps([]).encode()]),
]
