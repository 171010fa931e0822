"""What was enrolled is read once, and never older than the last enrolment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from keybroker.owners import directory
from keybroker.owners.directory import Directory
from keybroker.store.protocol import (
    OwnerEnrolment,
    OwnerRow,
    PolicyEnrolment,
    PolicyRow,
    Recorded,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def owner(key_id: str = "a") -> OwnerRow:
    return OwnerRow(key_id, "acme", b"spki", NOW)


def policy(version: int, name: str = "prod") -> PolicyRow:
    return PolicyRow("a", name, version, "sha256:", NOW, b"{}", b"{}")


@dataclass
class FakeStore:
    """Counts what it is asked; `meanwhile` happens between the question and the answer."""

    owners: dict[str, OwnerRow] = field(default_factory=dict)
    policies: dict[str, PolicyRow] = field(default_factory=dict)
    asked: int = 0
    meanwhile: Callable[[], object] = lambda: None

    def owner(self, key_id: str) -> OwnerRow | None:
        self.asked += 1
        return self.owners.get(key_id)

    def policy(self, _owner: str, name: str) -> PolicyRow | None:
        self.asked += 1
        found, happens = self.policies.get(name), self.meanwhile
        self.meanwhile = lambda: None
        happens()
        return found

    def enrol_owner(self, record: OwnerEnrolment) -> Recorded:
        self.owners[record.owner.key_id] = record.owner
        return Recorded(1)

    def put_policy(self, record: PolicyEnrolment) -> Recorded:
        self.policies[record.policy.name] = record.policy
        return Recorded(2)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def known(store: FakeStore) -> Directory:
    fake: Any = store
    return Directory(fake)


def test_owner_is_read_once(known: Directory, store: FakeStore) -> None:
    assert known.owner("a") is None
    known.enrol_owner(OwnerEnrolment(owner(), b""))
    assert [known.owner("a"), known.owner("a")] == [owner(), owner()]
    assert store.asked == 2


def test_newest_policy_counts_at_once(known: Directory, store: FakeStore) -> None:
    for version in (1, 2):
        known.put_policy(PolicyEnrolment(policy(version), b""))
        assert known.policy("a", "prod") == known.policy("a", "prod") == policy(version)
    assert store.asked == 2


def test_answer_older_than_an_enrolment_is_not_remembered(
    known: Directory, store: FakeStore
) -> None:
    known.put_policy(PolicyEnrolment(policy(1), b""))
    store.meanwhile = lambda: known.put_policy(PolicyEnrolment(policy(2), b""))
    assert known.policy("a", "prod") == policy(1)
    assert known.policy("a", "prod") == policy(2)


def test_only_so_many_are_remembered(
    known: Directory, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "CACHED_ENROLMENTS", 2)
    store.owners = {key: owner(key) for key in "abc"}
    for key in "abc":
        known.owner(key)
    assert store.asked == 3
    known.owner("c")
    assert store.asked == 3
    known.owner("a")
    assert store.asked == 4
