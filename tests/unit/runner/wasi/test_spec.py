"""The specification's tables say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from runner.ending import Ending
from runner.engine.profile import FEATURES
from runner.limits import MAX_DENIALS, MAX_SUBSCRIPTIONS, MAX_SYMLINKS, MAX_VECTORS
from runner.wasi.denials import DenialCode
from runner.wasi.entropy import SEED_DOMAIN
from runner.wasi.table import ABSENT, FUNCTIONS

SPEC = (Path(__file__).resolve().parents[4] / "docs" / "specs" / "wasi-host.md").read_text("utf-8")


def section(number: int) -> str:
    return SPEC.split(f"\n## {number}. ")[1].split("\n## ")[0]


def test_every_function_is_listed_as_it_is() -> None:
    listed = {"yes": set(), "absent": set()}  # type: ignore[var-annotated]
    for names, here in re.findall(r"^\| (`.*?`) \| (yes|absent) \|", section(2), re.MULTILINE):
        listed[here] |= set(re.findall(r"`(\w+)`", names))
    assert listed == {"yes": set(FUNCTIONS), "absent": set(ABSENT)}


def test_every_denial_is_listed() -> None:
    assert set(re.findall(r"`([a-z-]+)`", section(8))) == set(DenialCode)


def test_every_end_of_a_guest_is_listed() -> None:
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", section(7), re.MULTILINE))
    # A lease is the supervisor's business (docs/specs/worker.md).
    assert listed == {ending.value for ending in Ending} - {"lease-expired"}


def test_numbers_are_those_of_the_code() -> None:
    assert f"up to {MAX_VECTORS} buffers" in SPEC
    assert f"1 to {MAX_SUBSCRIPTIONS} subscriptions" in SPEC
    assert f"At most {MAX_SYMLINKS} symbolic links" in SPEC
    assert f"at most {MAX_DENIALS} different ones" in SPEC
    assert f'"{SEED_DOMAIN[:-1].decode()}" || 0x00' in SPEC
    assert ", ".join(f"`{name}`" for name in FEATURES) in " ".join(section(9).split())
