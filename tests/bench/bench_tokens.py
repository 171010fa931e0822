"""Tokens of attestation services against the bare sum of their signatures and their JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from attestation.jws import parse_jws
from attestation.keys import load_keys
from attestation.tokens import GcsPolicy, NrasPolicy, verify_gcs, verify_nras
from tests.bench.bench_snp import best_of, row
from tests.fakes.silicon import NOW
from tests.vectors.tokens_cases import AUDIENCE, KEYS, NONCE, detached, saying

GCS, NRAS = saying("gcs").decode(), detached()
GCS_KEYS, NRAS_KEYS = load_keys(KEYS["gcs"]), load_keys(KEYS["nras"])
GCS_POLICY = GcsPolicy(audience=AUDIENCE, nonce=NONCE)
NRAS_POLICY = NrasPolicy(nonce=NONCE, hwmodels=frozenset({"GH100"}))


def bare(texts: list[str], algorithm: str, keys: Any) -> Callable[[], object]:
    """One signature per token, and reading its payload."""
    parsed = [parse_jws(text, algorithms=(algorithm,)) for text in texts]

    def run() -> None:
        for one in parsed:
            one.made_by(keys[0].public)
            json.loads(one.payload)

    return run


def rows() -> list[dict[str, Any]]:
    """Return one row for an RSA token and one for NVIDIA's three ECDSA tokens of two devices."""
    document = json.loads(NRAS)
    tokens = [document[0][1], *document[1].values()]
    gcs, bare_gcs = best_of(
        lambda: verify_gcs(GCS, keys=GCS_KEYS, policy=GCS_POLICY, now=NOW),
        bare([GCS], "RS256", GCS_KEYS),
    )
    nras, bare_nras = best_of(
        lambda: verify_nras(NRAS, keys=NRAS_KEYS, policy=NRAS_POLICY, now=NOW),
        bare(tokens, "ES384", NRAS_KEYS),
    )
    return [
        row("token verification, GCS (RS256)", gcs, bare_gcs, 1.3),
        row("token verification, NRAS (3 x ES384)", nras, bare_nras, 1.3),
    ]
