"""Text chosen by a module, as we show it."""

from __future__ import annotations

import pytest

from runner.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("\x1b[2J\r\n\0", r"\x1b[2J\r\n\x00"),
        ("\u202eübel", r"\u202e\xfcbel"),
        ("\ud800", r"\ud800"),
        ("a" * 50, "a" * 30),
        ("", ""),
    ],
)
def test_nothing_reaches_a_terminal_that_acts_there(text: str, shown: str) -> None:
    assert printable(text, 30) == shown
