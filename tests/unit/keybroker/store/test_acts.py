"""What each business act writes, and what it refuses."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from keybroker.errors import BrokerCode, BrokerError
from keybroker.store import owner_acts
from keybroker.store.protocol import Quota, Recorded, ReleaseRecord, RevokedKind, StoredResponse
from keybroker.store.sqlite import SqliteStore
from tests.unit.keybroker import records
from tests.unit.keybroker.records import NOW, OWNER, POLICY

SECOND = timedelta(seconds=1)


def refused(act, record) -> BrokerCode:
    with pytest.raises(BrokerError) as caught:
        act(record)
    return caught.value.code


def test_birth_is_leaf_zero_and_happens_once(database) -> None:
    with SqliteStore.create(database) as store:
        assert store.sealed_keys() == ()
        assert store.initialise(records.birth()) == Recorded(0)
        assert store.sealed_keys() == records.birth().keys
        assert refused(store.initialise, records.birth()) == BrokerCode.ALREADY_INITIALISED


@pytest.mark.parametrize(
    ("verb", "record"),
    [
        ("enrol_owner", records.owner()),
        ("record_release", records.release(1)),
        ("record_refusal", records.refusal(1)),
    ],
)
def test_nothing_is_recorded_before_birth(database, verb, record) -> None:
    with SqliteStore.create(database) as store:
        assert refused(getattr(store, verb), record) == BrokerCode.NOT_INITIALISED
        assert store.tree_size() == 0


def test_owners_are_enrolled_once(store) -> None:
    assert store.owner(OWNER) == records.owner().owner
    assert store.owner("f" * 64) is None
    assert refused(store.enrol_owner, records.owner("again")) == BrokerCode.OWNER_EXISTS
    assert store.owner(OWNER).name == "acme"


NEXT = "1" * 64


def as_owner(record: ReleaseRecord, owner: str) -> ReleaseRecord:
    return replace(record, lease=replace(record.lease, owner=owner))


def test_a_new_key_takes_over_what_the_old_one_reached(store) -> None:
    store.put_policy(records.policy(3))
    store.record_release(records.release(1, version=7))
    store.revoke(records.revocation(RevokedKind.MANIFEST, "sha256:" + "bb" * 32))
    store.rotate_owner(records.rotation())
    assert store.owner(NEXT).name == "acme"
    assert store.policy(NEXT, POLICY) == replace(records.policy(3).policy, owner=NEXT)
    older = as_owner(records.release(2, version=6), NEXT)
    assert refused(store.record_release, older) == BrokerCode.VERSION_ROLLED_BACK
    revoked = as_owner(records.release(3, version=8), NEXT)
    revoked = replace(revoked, manifest="sha256:" + "bb" * 32)
    assert refused(store.record_release, revoked) == BrokerCode.MODULE_REVOKED
    # The old key goes on counting until it is revoked, but is no way back from what followed.
    store.record_release(records.release(4, version=7))
    store.record_release(as_owner(records.release(5, version=8), NEXT))
    old = records.release(6, version=7)
    assert refused(store.record_release, old) == BrokerCode.VERSION_ROLLED_BACK


@pytest.mark.parametrize(
    "what",
    [(RevokedKind.MANIFEST, records.MANIFEST), (RevokedKind.MODULE, records.MODULE, 2)],
    ids=["artifact", "versions"],
)
def test_the_newest_key_takes_back_what_earlier_ones_published(store, what) -> None:
    newest = "2" * 64
    store.rotate_owner(records.rotation())
    store.rotate_owner(records.rotation(newest, previous=NEXT))
    store.revoke(records.revocation(*what, owner_id=NEXT))
    for number, key in enumerate((OWNER, NEXT), start=1):
        release = as_owner(records.release(number, version=2), key)
        assert refused(store.record_release, release) == BrokerCode.MODULE_REVOKED
    # An old key may be stolen: it takes nothing from the ones after it.
    store.record_release(as_owner(records.release(3, version=2), newest))


def test_a_key_is_followed_by_one_key_that_counts(store) -> None:
    store.rotate_owner(records.rotation())
    other = records.rotation("2" * 64)
    assert refused(store.rotate_owner, other) == BrokerCode.OWNER_FOLLOWED
    assert refused(store.rotate_owner, records.rotation()) == BrokerCode.OWNER_EXISTS
    store.revoke(records.revocation(RevokedKind.KEY, owner_id=NEXT))
    store.rotate_owner(other)
    assert store.owner("2" * 64).name == "acme"


def test_an_old_key_raises_no_version_of_the_ones_after_it(store) -> None:
    """Attack: with a stolen key release a version so high that nothing of its owner's follows."""
    store.rotate_owner(records.rotation())
    store.record_release(records.release(1, version=999))
    store.record_release(as_owner(records.release(2, version=2), NEXT))


def test_versions_are_kept_over_many_keys(store) -> None:
    keys = [OWNER, NEXT, "2" * 64, "3" * 64]
    for old, new in itertools.pairwise(keys):
        store.rotate_owner(records.rotation(new, previous=old))
    store.record_release(as_owner(records.release(1, version=5), keys[2]))
    assert [store.highest_version(key, records.MODULE) for key in keys] == [5, 5, 5, 0]


def test_only_so_many_keys_follow_the_one_the_operator_let_in(store, monkeypatch) -> None:
    """Attack: with a stolen key, key after key, each revoked by itself to make room for another."""
    monkeypatch.setattr(owner_acts, "KEYS_OF_LINE", 2)
    store.rotate_owner(records.rotation())
    store.revoke(records.revocation(RevokedKind.KEY, owner_id=NEXT))
    store.rotate_owner(records.rotation("2" * 64))
    third = records.rotation("3" * 64, previous="2" * 64)
    assert refused(store.rotate_owner, third) == BrokerCode.QUOTA_EXCEEDED
    store.revoke(records.revocation(RevokedKind.KEY, owner_id="2" * 64))
    assert refused(store.rotate_owner, records.rotation("3" * 64)) == BrokerCode.QUOTA_EXCEEDED
    other = records.owner("other", key_id="4" * 64)
    store.enrol_owner(other)
    store.rotate_owner(records.rotation("5" * 64, previous="4" * 64))


def test_policies_of_an_owner_have_a_bound(store, monkeypatch) -> None:
    size = len(records.policy().policy.document + records.policy().policy.envelope)
    monkeypatch.setattr(owner_acts, "POLICY_BYTES_OF_OWNER", 2 * size)
    store.put_policy(records.policy(2))
    assert refused(store.put_policy, records.policy(3)) == BrokerCode.QUOTA_EXCEEDED
    # A new key starts with the newest version of each and has room again.
    store.rotate_owner(records.rotation())
    store.put_policy(records.policy(3, NEXT))


def test_revocations_of_an_owner_have_a_bound_but_of_its_key(store, monkeypatch) -> None:
    monkeypatch.setattr(owner_acts, "REVOCATIONS_OF_OWNER", 1)
    store.revoke(records.revocation(RevokedKind.MODULE, records.MODULE, 1))
    other = records.revocation(RevokedKind.MANIFEST, records.MANIFEST)
    assert refused(store.revoke, other) == BrokerCode.QUOTA_EXCEEDED
    store.revoke(records.revocation(RevokedKind.MODULE, records.MODULE, 2))
    store.revoke(records.revocation(RevokedKind.KEY))
    assert store.owner(OWNER).revoked


def test_a_policy_that_was_replaced_meanwhile_decides_nothing(store) -> None:
    store.put_policy(records.policy(3))
    late = records.release(1, policy_version=2)
    assert refused(store.record_release, late) == BrokerCode.POLICY_REPLACED
    assert not store.challenge_spent(records.nonce_hash(1))
    store.record_release(records.release(1, policy_version=3))


def test_a_revoked_key_leaves_the_ones_before_and_after_it(store) -> None:
    store.rotate_owner(records.rotation())
    store.rotate_owner(records.rotation("2" * 64, previous=NEXT))
    store.revoke(records.revocation(RevokedKind.KEY, owner_id=NEXT))
    revoked = [store.owner(key).revoked for key in (OWNER, NEXT, "2" * 64)]
    assert revoked == [False, True, False]


def test_only_an_enrolled_key_is_followed_and_only_by_a_new_one(store) -> None:
    unknown = records.rotation(previous="f" * 64)
    assert refused(store.rotate_owner, unknown) == BrokerCode.OWNER_UNKNOWN
    assert refused(store.rotate_owner, records.rotation(OWNER)) == BrokerCode.OWNER_EXISTS
    store.revoke(records.revocation(RevokedKind.KEY))
    assert refused(store.rotate_owner, records.rotation()) == BrokerCode.OWNER_REVOKED
    assert store.owner(NEXT) is None


@pytest.mark.parametrize(
    ("revocation", "code"),
    [
        (records.revocation(RevokedKind.KEY), BrokerCode.OWNER_REVOKED),
        (records.revocation(RevokedKind.MANIFEST, records.MANIFEST), BrokerCode.MODULE_REVOKED),
        (records.revocation(RevokedKind.MODULE, records.MODULE, 2), BrokerCode.MODULE_REVOKED),
        (records.revocation(RevokedKind.MODULE, records.MODULE, 3), BrokerCode.MODULE_REVOKED),
        (records.revocation(RevokedKind.MODULE, records.MODULE, 1), None),
        (records.revocation(RevokedKind.MODULE, "acme/other", 9), None),
        (records.revocation(RevokedKind.MANIFEST, "sha256:" + "cc" * 32), None),
    ],
)
def test_what_is_revoked_is_not_released(store, revocation, code) -> None:
    store.revoke(revocation)
    record = records.release(1, version=2)
    if code is None:
        store.record_release(record)
    else:
        assert refused(store.record_release, record) == code
    assert store.owner(OWNER).revoked is (code is BrokerCode.OWNER_REVOKED)


def test_a_revocation_never_reaches_less_than_before(store) -> None:
    for through in (5, 3):
        store.revoke(records.revocation(RevokedKind.MODULE, records.MODULE, through))
    assert refused(store.record_release, records.release(1, version=5)) == "module-revoked"
    store.record_release(records.release(2, version=6))
    unknown = records.revocation(RevokedKind.KEY, owner_id="f" * 64)
    assert refused(store.revoke, unknown) == BrokerCode.OWNER_UNKNOWN


def test_policy_versions_only_rise(store) -> None:
    assert refused(store.put_policy, records.policy(1)) == BrokerCode.POLICY_NOT_NEWER
    assert store.put_policy(records.policy(3)) == Recorded(3)
    assert refused(store.put_policy, records.policy(2)) == BrokerCode.POLICY_NOT_NEWER
    assert refused(store.put_policy, records.policy(3)) == BrokerCode.POLICY_NOT_NEWER
    assert store.policy(OWNER, POLICY) == records.policy(3).policy
    assert store.policy(OWNER, "acme/other") is None


def test_policies_need_an_owner(store) -> None:
    assert refused(store.put_policy, records.policy(1, "f" * 64)) == BrokerCode.OWNER_UNKNOWN


def test_release_leaves_everything_behind(store) -> None:
    record = records.release(1, version=7)
    assert store.record_release(record) == Recorded(3)
    assert store.challenge_spent(records.nonce_hash(1))
    assert store.highest_version(OWNER, records.MODULE) == 7
    assert store.decision(record.decision.id) == record.decision
    assert store.lease(record.lease.id) == record.lease
    assert store.leaf_index(record.decision.id) == 3
    assert store.leaf(3) == record.leaf
    answer = StoredResponse(record.idempotency.request_digest, record.response)
    assert store.stored_response("runner", "key-1") == answer


def test_what_is_unknown_is_none(store) -> None:
    assert not store.challenge_spent(records.nonce_hash(1))
    assert store.highest_version(OWNER, records.MODULE) == 0
    unknown = (
        store.decision("x"),
        store.lease("x"),
        store.leaf_index("x"),
        store.leaf(99),
        store.stored_response("runner", "x"),
    )
    assert unknown == (None,) * 5


def test_same_request_again_is_named_so(store) -> None:
    store.record_release(records.release(1))
    assert refused(store.record_release, records.release(1)) == BrokerCode.REQUEST_REPEATED


def test_idempotency_key_serves_one_request(store) -> None:
    first = records.release(1)
    store.record_release(first)
    other = replace(
        records.release(2), idempotency=replace(first.idempotency, request_digest="sha256:other")
    )
    assert refused(store.record_release, other) == BrokerCode.IDEMPOTENCY_CONFLICT
    elsewhere = replace(other, idempotency=replace(other.idempotency, runner_key="another"))
    store.record_release(elsewhere)


def test_challenge_is_spent_once(store) -> None:
    store.record_release(records.release(1))
    code = refused(store.record_release, records.release(2, nonce=1))
    assert code == BrokerCode.CHALLENGE_SPENT
    assert store.decision("release-2") is None
    assert store.tree_size() == 4


def test_refusal_spends_the_challenge(store) -> None:
    assert store.record_refusal(records.refusal(1)) == Recorded(3)
    assert store.decision("refusal-1") == records.refusal(1).decision
    code = refused(store.record_release, records.release(2, nonce=1))
    assert code == BrokerCode.CHALLENGE_SPENT


def test_refusal_of_a_replay_is_recorded_too(store) -> None:
    store.record_release(records.release(1))
    assert store.record_refusal(records.refusal(2, nonce=1)) == Recorded(4)


def test_version_never_goes_back(store) -> None:
    store.record_release(records.release(1, version=2))
    store.record_release(records.release(2, version=2))
    code = refused(store.record_release, records.release(3, version=1))
    assert code == BrokerCode.VERSION_ROLLED_BACK
    assert not store.challenge_spent(records.nonce_hash(3))
    assert store.highest_version(OWNER, records.MODULE) == 2


def test_live_leases_are_counted_until_they_end(store) -> None:
    quota = Quota(live_leases=2, releases_per_day=100)
    ends = NOW + timedelta(minutes=15)
    store.record_release(records.release(1, quota=quota))
    store.record_release(records.release(2, quota=quota))
    just_before = records.release(3, quota=quota, at=ends - timedelta(seconds=1))
    assert refused(store.record_release, just_before) == BrokerCode.QUOTA_EXCEEDED
    store.record_release(records.release(4, quota=quota, at=ends))


def test_releases_a_day_are_counted_by_utc_day(store) -> None:
    quota = Quota(live_leases=100, releases_per_day=2)
    midnight = NOW.replace(hour=0) + timedelta(days=1)
    store.record_release(records.release(1, quota=quota))
    store.record_release(records.release(2, quota=quota))
    last_second = records.release(3, quota=quota, at=midnight - timedelta(seconds=1))
    assert refused(store.record_release, last_second) == BrokerCode.QUOTA_EXCEEDED
    store.record_release(records.release(4, quota=quota, at=midnight))


@pytest.mark.parametrize("quota", [Quota(0, 1), Quota(1, 0)])
def test_quota_of_nothing_releases_nothing(store, quota) -> None:
    code = refused(store.record_release, records.release(1, quota=quota))
    assert code == BrokerCode.QUOTA_EXCEEDED


def test_purge_forgets_what_expired_and_nothing_else(store) -> None:
    store.record_release(records.release(1))
    expiry = records.challenge(1).expires
    assert store.purge_expired(expiry - timedelta(seconds=1)) == 0
    assert store.purge_expired(expiry) == 1
    assert not store.challenge_spent(records.nonce_hash(1))
    assert store.purge_expired(NOW + timedelta(days=1)) == 3
    assert store.lease("lease-1") is None
    assert store.stored_response("runner", "key-1") is None
    assert store.decision("release-1") is not None
    assert store.highest_version(OWNER, records.MODULE) == 1


def test_forgotten_challenge_stays_spent(store) -> None:
    """Attack: set the broker's clock back after a purge and answer an old challenge again."""
    store.record_release(records.release(1))
    store.purge_expired(records.challenge(1).expires)
    store.purge_expired(NOW)
    code = refused(store.record_release, records.release(2, nonce=1))
    assert code == BrokerCode.CHALLENGE_SPENT
    store.record_refusal(records.refusal(3, nonce=1))


def test_clock_that_jumped_ahead_does_not_stop_releases_for_ever(store) -> None:
    """Attack: a purge while the clock is ten years ahead. What it forgot stays spent, no more."""
    store.record_release(records.release(1))
    assert store.purge_expired(NOW + timedelta(days=3650)) > 0
    assert refused(store.record_release, records.release(2, nonce=1)) == BrokerCode.CHALLENGE_SPENT
    later = replace(records.challenge(3), expires=records.challenge(3).expires + SECOND)
    store.record_release(replace(records.release(3), challenge=later))
    assert refused(store.record_release, replace(records.release(4), challenge=later)) == (
        BrokerCode.CHALLENGE_SPENT
    )


def test_purge_of_nothing_leaves_challenges_alone(store) -> None:
    assert store.purge_expired(NOW + timedelta(days=3650)) == 0
    store.record_release(records.release(1))


def test_purge_forgets_the_oldest_first(store, monkeypatch) -> None:
    """Killed between two batches, it counts nothing as spent that it still remembers."""
    monkeypatch.setattr("keybroker.store.acts.PURGE_BATCH", 1)
    for number, seconds in ((1, 2), (2, 0), (3, 1)):
        use = records.challenge(number)
        use = replace(use, expires=use.expires + seconds * SECOND)
        store.record_refusal(replace(records.refusal(number), challenge=use))
    # One batch and no more, as if the process had ended behind it.
    assert store.purge_expired(NOW + timedelta(days=1)) == 1
    assert not store.challenge_spent(records.nonce_hash(2))
    assert store.challenge_spent(records.nonce_hash(1))
    late = replace(records.challenge(4), expires=records.challenge(4).expires + SECOND)
    store.record_release(replace(records.release(4), challenge=late))


def test_purge_takes_as_many_transactions_as_it_needs(store, monkeypatch) -> None:
    monkeypatch.setattr("keybroker.store.acts.PURGE_BATCH", 2)
    monkeypatch.setattr("keybroker.store.sqlite.PURGE_BATCH", 2)
    for number in range(5):
        store.record_refusal(records.refusal(number))
    assert store.purge_expired(NOW + timedelta(days=1)) == 5


def test_naive_times_are_not_recorded(store) -> None:
    code = refused(store.record_release, records.release(1, at=NOW.replace(tzinfo=None)))
    assert code == BrokerCode.RECORD_INVALID
    with pytest.raises(ValueError, match="without a zone"):
        store.purge_expired(NOW.replace(tzinfo=None))
