"""Names chosen by strangers, on a terminal: they stay names."""

from __future__ import annotations

import json

import pytest
import yaml

from sealwasm import printable
from sealwasm.failure import CliError, Kind
from sealwasm.session import Session, table

# Clear the screen, set the title, C1 colour, right-to-left override, a row of our own, half a pair.
HOSTILE = "\x1b[2J\x1b]0;x\x07\x9b31m\u202e\nowner  verified\ud800\x7f"
PLAIN = "größe 模块"


def only_printable(text: str) -> bool:
    return text.replace("\n", "").isprintable()


def test_a_name_stays_on_its_line() -> None:
    assert printable.one_line(PLAIN) == PLAIN
    assert printable.one_line("a\x1bb\nc") == "a\\x1bb\\nc"
    assert only_printable(printable.lines(HOSTILE))
    assert printable.lines("a\nb") == "a\nb"


def test_a_cell_cannot_start_a_row() -> None:
    assert len(table([("name", HOSTILE), ("verified", False)]).split("\n")) == 2


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "yes"),
        (False, "no"),
        (["a", "b"], "a, b"),
        ([], "none"),
        ({"module": "acme/app", "through": 2}, "module acme/app, through 2"),
        (0, "0"),
    ],
)
def test_a_cell_is_words(value: object, shown: str) -> None:
    assert table([("name", value)]) == f"name  {shown}"


@pytest.mark.parametrize("text", [HOSTILE, PLAIN, "\U000e0001"])
def test_json_means_the_same(text: str) -> None:
    shown = printable.as_json({text: [text]})
    assert only_printable(shown)
    assert json.loads(shown) == {text: [text]}
    assert (PLAIN in shown) == (text == PLAIN)


@pytest.mark.parametrize("text", [HOSTILE.replace("\ud800", ""), PLAIN])
def test_yaml_means_the_same(text: str) -> None:
    shown = printable.as_yaml({"name": text})
    assert only_printable(shown)
    assert yaml.safe_load(shown) == {"name": text}
    assert (PLAIN in shown) == (text == PLAIN)


def test_half_a_character_in_yaml_does_not_stop_the_command() -> None:
    assert only_printable(printable.as_yaml({"name": HOSTILE}))


def test_an_error_of_strangers_cannot_pass_for_ours() -> None:
    told = CliError(
        Kind.DENIED, "x", "no\nerror[ok]: fine", why=HOSTILE, next_step="a\nb"
    ).as_text()
    assert only_printable(told)
    starts = [line.split(":")[0].strip() for line in told.split("\n") if line[:9].strip()]
    assert starts == ["error[x]", "why", "next"]


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
def test_everything_that_is_shown_is_printable(
    output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session(output=output)
    session.show({"name": HOSTILE}, table=table([("name", HOSTILE)]))
    session.say(HOSTILE)
    session.fail(CliError(Kind.DENIED, "x", HOSTILE))
    shown = capsys.readouterr()
    assert only_printable(shown.out)
    # DEL alone is left as it is in errors as JSON: no terminal acts on it.
    assert only_printable(shown.err.replace("\x7f", ""))
