"""Every code of a refusal has a vector of some kind of evidence, or a stated reason not to."""

from __future__ import annotations

import json
from pathlib import Path

from attestation.errors import Refusal

VECTORS = Path(__file__).parents[2] / "vectors"
# Folders whose `expect` is a `Refusal`.
FOLDERS = (
    "snp",
    "tdx",
    "sgx",
    "nitro",
    "cca",
    "psa",
    "tpm",
    "azure",
    "nvidia",
    "composite",
    "tokens",
    "corim",
    "ear",
    "reference-values",
)
ELSEWHERE = {
    Refusal.ENDORSEMENT_UNAVAILABLE: "a vendor's service gives no answer (test_vendor_fetchers)",
}


def test_every_refusal_has_a_vector_or_a_reason_not_to() -> None:
    seen = {
        json.loads(path.read_bytes())["expect"]
        for folder in FOLDERS
        for path in (VECTORS / folder).glob("*/case.json")
    }
    assert {code for code in Refusal if code not in seen} == set(ELSEWHERE)
