"""docs/reference/output.md: the members of results are those that are written there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.desk import Desk, open_desk

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "output.md"
ROW = re.compile(r"^\| (`.+?) \| (.+?) \|", re.MULTILINE)


def members_of(command: str) -> tuple[set[str], set[str]]:
    """Return what a command's result always has, and what it may have."""
    rows = dict(ROW.findall(PAGE.read_text(encoding="utf-8")))
    (text,) = [text for name, text in rows.items() if command in name.split(", ")]
    optional = set(re.findall(r"\[`([\w-]+)`\]", text))
    return set(re.findall(r"`([\w-]+)`", text)) - optional, optional


def require_written(command: str, document: dict[str, Any]) -> None:
    always, sometimes = members_of(command)
    assert always <= document.keys() <= always | sometimes


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch) -> Iterator[Desk]:
    with open_desk(tmp_path, capsys, monkeypatch) as desk:
        desk.settle()
        yield desk


@pytest.fixture
def place(desk) -> str:
    desk.document("publish", desk.path("app.wasm"))
    return f"oci:{desk.path('shop/app')}:1"


@pytest.mark.parametrize("more", [[], ["--shape", "both"]])
def test_publish(desk, more):
    command = ["publish", desk.path("app.wasm"), *more]
    require_written("`publish --dry-run`", desk.document(*command, "--dry-run"))
    require_written("`publish`", desk.document(*command))
    require_written("`publish`", desk.document(*command))
    place = f"oci:{desk.path('shop/app')}:1"
    require_written("`verify`", desk.document("verify", place))


def test_seal(desk):
    goal = f"oci:{desk.path('sealed')}:1"
    command = ["seal", desk.path("app.wasm"), "--version", "1", "--to", goal]
    require_written("`seal`", desk.document(*command))


def test_looking(desk, place):
    require_written("`list`", desk.document("list"))
    require_written("`inspect` of a reference", desk.document("inspect", place))
    require_written("`inspect` of a file", desk.document("inspect", desk.path("app.wasm")))
    require_written("`verify`", desk.document("verify", place))
    require_written("`diff`", desk.document("diff", place, place))


@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_carrying(desk, place, dry):
    goal, file = f"oci:{desk.path('copy')}:1", desk.path("app.tar")
    require_written("`copy`", desk.document("copy", place, goal, *dry))
    require_written("`pull`", desk.document("pull", place, goal, *dry))
    require_written("`export`", desk.document("export", place, file, *dry))
    if not dry:
        require_written("`import`", desk.document("import", file, f"oci:{desk.path('in')}"))


@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_signing(desk, place, dry):
    new = desk.path("new.key")
    require_written("`key generate`", desk.document("key", "generate", "--out", new, *dry))
    if dry:
        desk.document("key", "generate", "--out", new)
    require_written("`key show`", desk.document("key", "show", new))
    assert members_of("`key list`")[0] == set(desk.document("key", "list", desk.path(""))[0])
    require_written("`sign`", desk.document("sign", place, "--key", new, *dry))
    require_written("`attach`", desk.document("attach", place, "--generate", *dry))
    statement = ("--statement", desk.path("new.json"))
    require_written("`rotate`", desk.document("rotate", "--new-key", new, *statement, *dry))
    why = ("--reason", "wrong")
    require_written("`revoke`", desk.document("revoke", "--through", "1", *why, *dry))


def test_contexts(desk):
    require_written("`context show`", desk.document("context", "show"))
