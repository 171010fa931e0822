"""Any flipped bit of a service's token is refused; any claims give a result or our error."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestation.errors import EvidenceError
from attestation.keys import load_keys
from attestation.tokens import (
    GcsPolicy,
    MaaPolicy,
    NrasPolicy,
    verify_gcs,
    verify_ita,
    verify_maa,
    verify_nras,
)
from attestation.tokens.policy import ItaPolicy
from tests.fakes.silicon import NOW
from tests.vectors.tokens_cases import (
    AUDIENCE,
    DEVICE,
    ISSUER,
    KEYS,
    MEMBERS,
    NONCE,
    OVERALL,
    detached,
    digest_of,
    saying,
    token,
)

TRUSTED = {kind: load_keys(data) for kind, data in KEYS.items()}
NRAS = NrasPolicy(nonce=NONCE, hwmodels=frozenset({"GH100"}))


def gcs(data: bytes) -> None:
    policy = GcsPolicy(audience=AUDIENCE, nonce=NONCE)
    text = data.decode("utf-8", "surrogateescape")
    verify_gcs(text, keys=TRUSTED["gcs"], policy=policy, now=NOW)


def maa(data: bytes) -> None:
    policy = MaaPolicy(issuer=ISSUER["maa"], nonce=NONCE)
    verify_maa(data.decode("utf-8", "replace"), keys=TRUSTED["maa"], policy=policy, now=NOW)


def ita(data: bytes) -> None:
    policy = ItaPolicy(issuer=ISSUER["ita"], nonce=NONCE)
    verify_ita(data.decode("utf-8", "replace"), keys=TRUSTED["ita"], policy=policy, now=NOW)


def nras(data: bytes) -> None:
    verify_nras(data, keys=TRUSTED["nras"], policy=NRAS, now=NOW)


TOKENS: dict[str, tuple[Callable[[bytes], None], bytes]] = {
    "gcs": (gcs, saying("gcs")),
    "maa": (maa, saying("maa")),
    "ita": (ita, saying("ita")),
    "nras": (nras, detached()),
}


@pytest.mark.parametrize("kind", TOKENS)
def test_every_flipped_bit_is_refused(kind: str) -> None:
    check, good = TOKENS[kind]
    check(good)
    for place in range(len(good)):
        changed = bytearray(good)
        # Another bit at every place, so that all eight are met.
        changed[place] ^= 1 << place % 8
        # Space between the tokens of a detached result means nothing.
        if bytes(changed).split() != good.split():
            with pytest.raises(EvidenceError):
                check(bytes(changed))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("kind", ["gcs", "maa"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_claim_gives_a_result_or_our_error(kind: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(MEMBERS[kind])))
    value = data.draw(json_values)
    with suppress(EvidenceError):
        TOKENS[kind][0](token(kind, MEMBERS[kind] | {name: value}).encode())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_claim_of_a_device_gives_a_result_or_our_error(data: st.DataObject) -> None:
    names: list[str] = sorted({*DEVICE, *OVERALL, "submods"})
    name, value = data.draw(st.sampled_from(names)), data.draw(json_values)
    inner = token("nras", DEVICE | {name: value})
    overall: dict[str, Any] = OVERALL | {"submods": {"GPU-0": digest_of(inner)}}
    for members in (overall, overall | {name: value}):
        text = json.dumps([["JWT", token("nras", members)], {"GPU-0": inner}])
        with suppress(EvidenceError):
            nras(text.encode())
