"""An artifact sealed for brokers that share its key: who can open what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import pytest

from sealing.envelope import open_envelope, open_secret
from sealing.errors import SealError, SealRefusal
from sealing.holders.recipients import BrokerRecipient, Recipients
from sealing.holders.shamir import combine, open_share
from sealing.hpke import HYBRID, X25519, OpeningKey
from sealing.keys import SigningKey
from sealing.manifest import SealedManifest
from sealing.seal import SealedModule, seal
from tests.unit.sealing.wasm_maker import SMALL

OWNER = SigningKey.generate("ed25519")
KEYS = tuple(OpeningKey.generate(suite) for suite in (HYBRID, X25519, HYBRID))
RECOVERY = OpeningKey.generate()
BROKERS = tuple(BrokerRecipient(SigningKey.generate("ed25519").key_id, key.public) for key in KEYS)


def sealed(threshold: int, **changes: Any) -> SealedModule:
    return seal(
        SMALL,
        name="acme/app",
        version=1,
        policy_name="prod",
        capabilities={"kind": "CapabilityPolicy"},
        recipients=Recipients(**{"brokers": BROKERS, "threshold": threshold} | changes),
        owner=OWNER,
        now=datetime(2026, 11, 22, tzinfo=UTC),
    )


@pytest.mark.parametrize("threshold", [2, 3])
def test_any_k_brokers_and_the_recovery_key_have_the_same_key(threshold: int) -> None:
    module = sealed(threshold, recovery=(RECOVERY.public,))
    manifest = SealedManifest.parse(module.manifest)
    *envelopes, recovery = manifest.envelopes
    shares = []
    for envelope, key in zip(envelopes, KEYS, strict=True):
        assert envelope.share is not None
        shares.append(open_share(open_secret(envelope, key), envelope.share))
    whole = open_envelope(recovery, RECOVERY)
    for chosen in combinations(shares, threshold):
        assert combine(chosen, threshold=threshold) == whole
    assert (manifest.threshold, manifest.brokers) == (threshold, module.statement.brokers)
    assert module.statement.threshold == threshold


def test_every_sealing_is_another_split() -> None:
    sets = set()
    for _ in range(2):
        share = SealedManifest.parse(sealed(2).manifest).envelopes[0].share
        assert share is not None
        sets.add(share.set)
    assert len(sets) == 2


def test_a_share_is_not_taken_for_a_whole_key() -> None:
    envelope = SealedManifest.parse(sealed(2).manifest).envelopes[0]
    with pytest.raises(SealError) as caught:
        open_envelope(envelope, KEYS[0])
    assert caught.value.code is SealRefusal.ENVELOPE_NOT_OPENED


@pytest.mark.parametrize(
    "change", [{"index": 2}, {"threshold": 3}, {"of": 4}, {"set": "00" * 16}, None]
)
def test_an_envelope_opens_under_no_other_header(change: dict[str, Any] | None) -> None:
    envelope = SealedManifest.parse(sealed(2).manifest).envelopes[0]
    assert envelope.share is not None
    assert open_secret(envelope, KEYS[0])
    header = None if change is None else replace(envelope.share, **change)
    with pytest.raises(SealError) as caught:
        open_secret(replace(envelope, share=header), KEYS[0])
    assert caught.value.code is SealRefusal.ENVELOPE_NOT_OPENED


TWICE = (BROKERS[0], BrokerRecipient(BROKERS[0].identity, KEYS[1].public))
ONE_KEY = (BROKERS[0], BrokerRecipient(BROKERS[1].identity, KEYS[0].public), BROKERS[2])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"threshold": 2, "brokers": ONE_KEY}, SealRefusal.ENVELOPE_REPEATED),
        ({"threshold": 2, "recovery": (KEYS[2].public,)}, SealRefusal.ENVELOPE_REPEATED),
        ({"threshold": 4}, SealRefusal.SHARE_THRESHOLD),
        ({"threshold": 0}, SealRefusal.SHARE_THRESHOLD),
        ({"threshold": 2, "brokers": TWICE}, SealRefusal.ENVELOPE_REPEATED),
        ({"threshold": 2, "brokers": BROKERS[:1]}, SealRefusal.SHARE_THRESHOLD),
        ({"threshold": 1, "brokers": ()}, SealRefusal.ENVELOPE_COUNT),
    ],
)
def test_what_no_reader_would_take(changes: dict[str, Any], code: SealRefusal) -> None:
    with pytest.raises(SealError) as caught:
        Recipients(**{"brokers": BROKERS} | changes)
    assert caught.value.code is code
