from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sealing.errors import SealError, SealRefusal
from sealing.keys import SigningKey
from sealing.names import format_time
from sealing.signatures.key_statement import Chain, KeyPeriod, sign_key_statement
from sealing.signatures.owner_trust import OwnerTrust
from tests.unit.sealing.makers import IDENTITY, NOW, OWNER, OWNER_ED25519, STRANGER

DAY = timedelta(days=1)
# Alice rotates from OWNER to OWNER_ED25519, which counts from tomorrow; Bob has one key.
ROTATED = sign_key_statement(
    Chain((KeyPeriod(OWNER.public),), None),
    OWNER,
    OWNER_ED25519.public,
    now=NOW,
    not_before=NOW + DAY,
    old_not_after=NOW + 2 * DAY,
)
FILES = {
    "alice.pub": OWNER.public.to_pem(),
    "alice-2.json": ROTATED,
    "alice-2.pub": OWNER_ED25519.public.to_pem(),
    "bob.pub": STRANGER.public.to_pem(),
}
ALICE = {"name": "alice", "key": "alice.pub", "statements": ["alice-2.json"]}
BOB = {"name": "bob", "key": "bob.pub"}


def document(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "sealwasm/v1",
        "kind": "OwnerTrust",
        "threshold": 2,
        "owners": [ALICE, BOB],
    } | changes


def trust(**changes: Any) -> OwnerTrust:
    return OwnerTrust.from_document(document(**changes), read=FILES.__getitem__)


def names(
    signers: list[SigningKey],
    *,
    now: datetime = NOW + DAY,
    created: datetime = NOW,
    owner: SigningKey | None = None,
    **changes: Any,
) -> tuple[str, ...]:
    resolved = trust(**changes).resolve(now)
    given = [key.public for key in signers]
    return resolved.require(given, owner=(owner or signers[0]).public, created=created)


def test_keys_count_from_their_time_on() -> None:
    assert trust().resolve(NOW).keys == (OWNER.public, STRANGER.public)
    later = trust().resolve(NOW + DAY)
    assert later.keys == (OWNER.public, OWNER_ED25519.public, STRANGER.public)
    assert later.threshold == 2


def test_owners_are_counted_and_not_keys() -> None:
    assert names([OWNER, STRANGER]) == ("alice", "bob")
    assert names([STRANGER, OWNER_ED25519]) == ("alice", "bob")
    with pytest.raises(SealError) as caught:
        names([OWNER, OWNER_ED25519])
    assert caught.value.code == SealRefusal.SIGNATURE_MISSING
    assert names([OWNER, OWNER_ED25519], threshold=1) == ("alice",)


def test_an_expired_key_verifies_what_is_older_and_nothing_newer() -> None:
    late = NOW + 2 * DAY + timedelta(seconds=1)
    assert names([OWNER], threshold=1, now=late) == ("alice",)
    with pytest.raises(SealError) as caught:
        names([OWNER], threshold=1, now=late, created=late)
    assert caught.value.code == SealRefusal.KEY_EXPIRED
    with pytest.raises(SealError) as caught:
        names([STRANGER, OWNER], now=late, created=late)
    assert (caught.value.code, "1 expired" in caught.value.detail) == (
        SealRefusal.SIGNATURE_MISSING,
        True,
    )


def test_an_expiry_of_the_trust_file_counts_too() -> None:
    ends = ALICE | {"not-after": format_time(NOW + DAY)}
    with pytest.raises(SealError) as caught:
        names([OWNER], threshold=1, owners=[ends], created=NOW + DAY * 1.5)
    assert caught.value.code == SealRefusal.KEY_EXPIRED


def test_the_owner_of_the_statement_is_one_that_counts() -> None:
    with pytest.raises(SealError) as caught:
        names([STRANGER, OWNER], owner=IDENTITY)
    assert caught.value.code == SealRefusal.SIGNER_UNKNOWN


def test_a_revoked_key_takes_the_later_ones_with_it() -> None:
    revoked = trust(revoked=[OWNER.key_id]).resolve(NOW + DAY)
    assert revoked.keys == (STRANGER.public,)
    assert trust(revoked=[OWNER_ED25519.key_id]).resolve(NOW + DAY).keys == (
        OWNER.public,
        STRANGER.public,
    )


def test_what_says_no_time_needs_keys_that_count_now() -> None:
    both = [OWNER.public, STRANGER.public]
    found = trust().resolve(NOW + DAY).require_undated(both, now=NOW + DAY)
    assert [one.owner for one in found] == ["alice", "bob"]
    # Two keys of one owner are one owner, and an expired one is none.
    for signers, now, code in (
        ([OWNER.public, OWNER_ED25519.public], NOW + DAY, SealRefusal.SIGNATURE_MISSING),
        ([], NOW + DAY, SealRefusal.SIGNATURE_MISSING),
        (both, NOW + 3 * DAY, SealRefusal.SIGNATURE_MISSING),
        ([OWNER.public], NOW + 3 * DAY, SealRefusal.KEY_EXPIRED),
    ):
        with pytest.raises(SealError) as caught:
            trust().resolve(now).require_undated(signers, now=now)
        assert caught.value.code == code


def test_a_key_of_two_owners_is_refused() -> None:
    eve = {"name": "eve", "key": "alice.pub"}
    with pytest.raises(SealError) as caught:
        trust(owners=[ALICE, eve]).resolve(NOW)
    assert caught.value.code == SealRefusal.KEY_CHAIN


@pytest.mark.parametrize("now", [NOW, NOW + DAY])
def test_an_owner_and_its_own_next_key_are_not_two_owners(now: datetime) -> None:
    again = {"name": "carol", "key": "alice-2.pub"}
    with pytest.raises(SealError) as caught:
        trust(owners=[ALICE, again]).resolve(now)
    assert caught.value.code == SealRefusal.KEY_CHAIN
    # What a revoked key said about others is not believed.
    revoked = trust(owners=[ALICE, again], revoked=[OWNER.key_id]).resolve(now)
    assert revoked.keys == (OWNER_ED25519.public,)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"x": 1}, "unknown-member"),
        ({"apiVersion": "sealwasm/v2"}, "malformed"),
        ({"kind": "Guardrails"}, "malformed"),
        ({"threshold": 0}, "malformed"),
        ({"threshold": 3}, "malformed"),
        ({"threshold": True}, "malformed"),
        ({"owners": []}, "malformed"),
        ({"owners": {}}, "malformed"),
        ({"owners": [BOB] * 65}, "too-large"),
        ({"owners": [BOB, BOB]}, "malformed"),
        ({"owners": ["bob"]}, "malformed"),
        ({"owners": [{"name": "bob"}]}, "malformed"),
        ({"owners": [BOB | {"name": "Bob!"}]}, "malformed"),
        ({"owners": [BOB | {"x": 1}]}, "unknown-member"),
        ({"owners": [BOB | {"key": "alice-2.json"}]}, "key-invalid"),
        ({"owners": [BOB | {"not-after": "tomorrow"}]}, "malformed"),
        ({"owners": [BOB | {"not-after": None}]}, "malformed"),
        ({"owners": [BOB | {"statements": None}]}, "malformed"),
        ({"revoked": None}, "malformed"),
        ({"threshold": None}, "malformed"),
        ({"owners": [BOB | {"statements": "alice-2.json"}]}, "malformed"),
        ({"revoked": ["x"]}, "malformed"),
        ({"revoked": [OWNER.key_id] * 1025}, "too-large"),
    ],
)
def test_trust_file_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(SealError) as caught:
        trust(**{"threshold": 1} | changes)
    assert caught.value.code == f"seal-{code}"
    with pytest.raises(SealError):
        OwnerTrust.from_document([], read=FILES.__getitem__)


def test_bare_keys_are_owners_of_their_own() -> None:
    both = OwnerTrust.of([OWNER.public, STRANGER.public, OWNER.public], threshold=2)
    assert both.resolve(NOW).keys == (OWNER.public, STRANGER.public)
    rotated = OwnerTrust.of([OWNER.public], statements=[ROTATED]).resolve(NOW + DAY)
    assert rotated.keys == (OWNER.public, OWNER_ED25519.public)
    with pytest.raises(SealError):
        OwnerTrust.of([OWNER.public], threshold=2)
    with pytest.raises(SealError):
        OwnerTrust.of([OWNER.public, STRANGER.public], statements=[ROTATED])
