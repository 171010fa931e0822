"""Everything that is installed was chosen: exact versions, each with its digests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LOCKED = sorted((Path(__file__).resolve().parents[3] / "requirements").glob("*.txt"))


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.name)
def test_every_requirement_is_locked_with_a_hash(path):
    text = re.sub(r"^\s*#.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    requirements = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    assert requirements
    for line in requirements:
        assert re.match(r"[A-Za-z0-9._-]+(\[[^]]+\])?==\S+ ", line), line[:80]
        assert re.search(r" --hash=sha256:[0-9a-f]{64}\b", line), line[:80]
