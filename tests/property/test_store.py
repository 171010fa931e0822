"""The store against a model of a few dictionaries, through restarts, purges and repetitions."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from keybroker.audit.log import verify_log
from keybroker.errors import BrokerCode, BrokerError
from keybroker.store.protocol import ChallengeUse, Quota
from keybroker.store.sqlite import SqliteStore
from tests.unit.keybroker import records

numbers = st.integers(0, 5)
QUOTA = Quota(live_leases=4, releases_per_day=6)


def challenge(nonce: int) -> ChallengeUse:
    """Each expires a second after the one before."""
    use = records.challenge(nonce)
    return replace(use, expires=use.expires + timedelta(seconds=nonce))


class StoreMachine(RuleBasedStateMachine):
    """Few names, so that everything collides with everything."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = SqliteStore.create(Path(self.folder.name) / "broker.db")
        self.store.initialise(records.birth())
        self.leaves = [records.birth().leaf]
        self.spent: set[int] = set()
        self.remembered: set[int] = set()
        self.horizon = -1
        self.released: dict[int, object] = {}
        self.live = 0
        self.version = 0
        self.refusals = 0

    def expected(self, number: int, nonce: int, version: int) -> BrokerCode | None:
        """What a release must be refused with, in the order the store promises."""
        if number in self.released:
            return BrokerCode.REQUEST_REPEATED
        if nonce in self.spent or nonce <= self.horizon:
            return BrokerCode.CHALLENGE_SPENT
        if version < self.version:
            return BrokerCode.VERSION_ROLLED_BACK
        if self.live >= QUOTA.live_leases or len(self.released) >= QUOTA.releases_per_day:
            return BrokerCode.QUOTA_EXCEEDED
        return None

    @rule(number=numbers, nonce=numbers, version=st.integers(1, 3))
    def release(self, number, nonce, version) -> None:
        record = records.release(number, version=version, quota=QUOTA)
        record = replace(record, challenge=challenge(nonce))
        expected = self.expected(number, nonce, version)
        if expected is not None:
            with pytest.raises(BrokerError) as caught:
                self.store.record_release(record)
            assert caught.value.code == expected
            return
        assert self.store.record_release(record).leaf_index == len(self.leaves)
        self.leaves.append(record.leaf)
        self.spend(nonce)
        self.released[number] = record
        self.live += 1
        self.version = version

    @rule(nonce=numbers)
    def refuse(self, nonce) -> None:
        self.refusals += 1
        record = replace(records.refusal(1000 + self.refusals), challenge=challenge(nonce))
        assert self.store.record_refusal(record).leaf_index == len(self.leaves)
        self.leaves.append(record.leaf)
        self.spend(nonce)

    def spend(self, nonce) -> None:
        if nonce > self.horizon:
            self.remembered.add(nonce)
        self.spent.add(nonce)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = SqliteStore.open(Path(self.folder.name) / "broker.db")

    @rule(now=numbers)
    def purge_challenges(self, now) -> None:
        """At any time, back and forth: what was forgotten stays spent, and with it all older."""
        forgotten = {nonce for nonce in self.remembered if nonce <= now}
        assert self.store.purge_expired(challenge(now).expires) == len(forgotten)
        self.remembered -= forgotten
        self.horizon = max(self.horizon, *forgotten, -1)

    @invariant()
    def log_is_what_happened(self) -> None:
        assert self.store.tree_size() == len(self.leaves)
        assert [self.store.leaf(index) for index in range(len(self.leaves))] == self.leaves
        verify_log(self.store)

    @invariant()
    def answers_and_versions_are_kept(self) -> None:
        assert self.store.highest_version(records.OWNER, records.MODULE) == self.version
        for number, record in self.released.items():
            answer = self.store.stored_response("runner", f"key-{number}")
            assert answer.response == record.response

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
