"""One table of exit codes: every way a run can end or be refused has its number."""

from __future__ import annotations

import pytest

from runner.ending import Ending
from runner.errors import RunnerCode
from runner.exit_codes import MEANING, OF_ERROR, RunExit, of_ending, of_error

NUMBERS = {
    "TRAP": 128, "OUT_OF_FUEL": 129, "WALL_CLOCK": 130, "MEMORY": 131, "OUTPUT": 132,
    "CAPABILITY": 133, "MODULE": 134, "POLICY": 135, "ARTIFACT": 136, "RELEASE_DENIED": 137,
    "EVIDENCE": 138, "UNREACHABLE": 139, "LEASE": 140, "FAULT": 141, "USAGE": 142,
    "INTERRUPTED": 143,
}  # fmt: skip


def test_the_numbers_never_change() -> None:
    assert {item.name: item.value for item in RunExit} == NUMBERS
    assert set(MEANING) == set(RunExit)


@pytest.mark.parametrize(
    ("code", "expected"),
    [(0, 0), (1, 1), (126, 126), (127, 127), (128, 127), (255, 127), (2**32 - 1, 127)],
)
def test_a_guests_own_code_is_passed_through_but_never_takes_ours(code: int, expected: int) -> None:
    assert of_ending(Ending.EXIT, code) == expected


@pytest.mark.parametrize("ending", [one for one in Ending if one is not Ending.EXIT])
def test_every_other_end_has_a_number(ending: Ending) -> None:
    assert of_ending(ending, None) in set(RunExit) - {RunExit.FAULT, RunExit.USAGE}


@pytest.mark.parametrize("code", RunnerCode)
def test_every_refusal_has_a_number(code: RunnerCode) -> None:
    assert of_error(code) >= RunExit.CAPABILITY


def test_the_table_names_only_what_exists() -> None:
    assert set(OF_ERROR) == set(RunnerCode)
