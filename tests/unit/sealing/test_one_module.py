"""Entries of an index that their owner signed, but not for each other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sealing.errors import SealError, SealRefusal
from sealing.holders.recipients import BrokerRecipient, Recipients
from sealing.one_module import require_one_module
from sealing.seal import seal
from sealing.shapes import COMPAT, WASM, Shape
from sealing.unseal import VerifiedArtifact, verify_artifact
from tests.unit.sealing import makers
from tests.unit.sealing.wasm_maker import FULL, SMALL

BROKER = BrokerRecipient(makers.IDENTITY.key_id, makers.BROKER.public)
SPARE = makers.OTHER_BROKER.public


def made(shape: Shape, *, module: bytes = FULL, **said: Any) -> VerifiedArtifact:
    terms: dict[str, Any] = {
        "name": "acme/scoring",
        "version": 7,
        "policy_name": "acme/prod",
        "capabilities": makers.CAPABILITIES,
        "recipients": Recipients((BROKER,)),
        "owner": makers.OWNER,
        "now": makers.NOW,
    }
    sealed = seal(module, shape=shape, **(terms | said))
    return verify_artifact(
        sealed.manifest,
        sealed.config,
        [sealed.bundle],
        owners=[makers.OWNER.public, makers.STRANGER.public],
    )


def test_sealed_apart_in_one_act() -> None:
    require_one_module([made(WASM), made(COMPAT)])


def test_one_alone() -> None:
    require_one_module([made(WASM)])


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"name": "acme/other"}, "module (acme/scoring and acme/other)"),
        ({"version": 6}, "version (7 and 6)"),
        ({"policy_name": "acme/test"}, "release policy"),
        ({"owner": makers.STRANGER}, "owner"),
        ({"now": makers.NOW - timedelta(days=1)}, "time of sealing"),
        ({"capabilities": {"kind": "none"}}, "capability policy"),
        ({"module": SMALL}, "bill of materials"),
        ({"recipients": Recipients((BROKER,), recovery=(SPARE,))}, "kinds of holders"),
        (
            {"recipients": Recipients((BrokerRecipient(BROKER.identity, SPARE),))},
            "keys of holders",
        ),
        ({"recipients": Recipients((BrokerRecipient("ab" * 32, SPARE),))}, "brokers"),
    ],
)
def test_a_difference_is_named(said: dict[str, Any], told: str) -> None:
    with pytest.raises(SealError) as caught:
        require_one_module([made(WASM), made(COMPAT, **said)])
    assert caught.value.code is SealRefusal.STATEMENT_MISMATCH
    assert f"entries wasm and compat differ in: {told}" in caught.value.detail
