"""Writes policy vectors: a document with one thing changed, and what a reader must say."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from policies.load import load_policy

ACCEPTED = "accepted"
Edit = tuple[str, str]


def edited(base: str, *edits: Edit) -> str:
    """`base` with each text replaced once; a text that is not there is a mistake of the case."""
    for old, new in edits:
        if base.count(old) != 1:
            raise ValueError(f"{old!r} stands {base.count(old)} times in the base document")
        base = base.replace(old, new)
    return base


def write(folder: Path, name: str, case: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Write `case.json` and its files."""
    target = folder / name
    target.mkdir(parents=True)
    text = json.dumps(case, indent=2, sort_keys=True, ensure_ascii=False)
    (target / "case.json").write_text(f"{text}\n", encoding="utf-8")
    for file_name, data in files.items():
        (target / file_name).write_bytes(data)


def accepted(folder: Path, name: str, why: str, text: str) -> None:
    """A document that is read; its canonical form and digest are pinned for ever."""
    policy = load_policy(text.encode(), name="policy.yaml")
    case = {
        "why": why,
        "stage": "load",
        "expect": ACCEPTED,
        "canonical": policy.to_document(),
        "digest": policy.digest,
    }
    write(folder, name, case, {"policy.yaml": text.encode()})


def refused(folder: Path, name: str, why: str, text: str | bytes, code: str, at: str = "") -> None:
    """A document that is refused with `code`, at `at` (line:column) where that is one place."""
    case = {"why": why, "stage": "load", "expect": code} | ({"at": at} if at else {})
    data = text.encode() if isinstance(text, str) else text
    write(folder, f"{name}_refused", case, {"policy.yaml": data})


def not_canonical(folder: Path, name: str, why: str, document: Mapping[str, Any]) -> None:
    """A document from JSON that says the same in another form than the canonical one."""
    case = {"why": why, "stage": "canonical", "expect": "policy-not-canonical"}
    data = json.dumps(document, indent=1, ensure_ascii=False).encode()
    write(folder, f"{name}_refused", case, {"document.json": data})


def read_cases(name: str) -> Iterator[tuple[str, str, str, str, list[str]]]:
    """Case, reason, code, detail and further lines from the list `name.cases` beside this file."""
    lines = Path(__file__).with_name(f"{name}.cases").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    for index, line in enumerate(lines):
        if line.startswith("  "):
            continue
        case, why, code, detail = line.split(" | ")
        rest = itertools.takewhile(lambda text: text.startswith("  "), lines[index + 1 :])
        yield case, why, code, "" if detail == "-" else detail, [text[2:] for text in rest]


def _edit(line: str) -> Edit:
    old, new = line.encode("latin-1").decode("unicode_escape").split(" =>", 1)
    return old, new.removeprefix(" ")


def refuse_edits(folder: Path, name: str, base: str) -> None:
    """One refused document per entry of the list `name.cases`."""
    for case, why, code, at, lines in read_cases(name):
        refused(folder, case, why, edited(base, *map(_edit, lines)), code, at)
