from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keybroker.store.sqlite import SqliteStore
from tests.unit.keybroker import records


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "broker.db"


@pytest.fixture
def store(database: Path) -> Iterator[SqliteStore]:
    """A store that was born and knows one owner and policy: three leaves."""
    with SqliteStore.create(database) as opened:
        opened.initialise(records.birth())
        opened.enrol_owner(records.owner())
        opened.put_policy(records.policy())
        yield opened
