from __future__ import annotations

import math

import pytest
import yaml

from policies.errors import PolicyError, PolicyRefusal
from policies.reader import hidden_character, read_yaml
from policies.scalars import describe, hint
from policies.source import Position, SourceMap, render_path

# The parser in C and the one in Python must agree; users may have either.
PARSERS = {"c": getattr(yaml, "CSafeLoader", yaml.SafeLoader), "python": yaml.SafeLoader}


@pytest.fixture(params=PARSERS.values(), ids=PARSERS)
def read(request):
    return lambda text: read_yaml(text.encode(), name="p.yaml", parser=request.param)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nUll", "nUll"),
        ("true", True), ("True", True), ("TRUE", True), ("tRUE", "tRUE"),
        ("false", False), ("False", False), ("FALSE", False),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("n", "n"),
        ("0", 0), ("-0", 0), ("+7", 7), ("-7", -7), ("007", 7), ("0o17", 15), ("0x1F", 31),
        ("0o8", "0o8"), ("0xG", "0xG"), ("-0x1", "-0x1"), ("0b1", "0b1"), ("1_000", "1_000"),
        ("12:30:00", "12:30:00"), ("2026-01-01", "2026-01-01"), ("1.", 1.0), (".5", 0.5),
        ("1e3", 1000.0), ("-1.5E-2", -0.015), (".", "."), ("1e", "1e"), ("=", "="),
        (".inf", math.inf), ("-.INF", -math.inf), ("+.Inf", math.inf), ("inf", "inf"),
        ("9007199254740991", 2**53 - 1), ("-9007199254740991", 1 - 2**53),
        ('"1"', "1"), ("'true'", "true"), ("|\n  1\n", "1\n"), (">-\n  no\n", "no"),
    ],
)  # fmt: skip
def test_core_schema(read, text, value):
    read_value = read(f"a: {text}\n")[0]["a"]
    assert read_value == value
    assert type(read_value) is type(value)


def test_not_a_number(read):
    assert math.isnan(read("a: .nan")[0]["a"])


@pytest.mark.parametrize(
    "text", ["9007199254740992", "-9007199254740992", "9" * 5000, "0x" + "f" * 14]
)
def test_integers_that_json_cannot_hold(read, text):
    with pytest.raises(PolicyError) as caught:
        read(f"a: {text}")
    assert caught.value.code is PolicyRefusal.BAD_VALUE


def test_positions(read):
    value, source = read("a:\n  - x: 1\n  -\n    'k.1': {z: [p, q]}\n")
    assert value == {"a": ({"x": 1}, {"k.1": {"z": ("p", "q")}})}
    assert source.values["a", 0, "x"] == Position(2, 8)
    assert source.keys["a", 1, "k.1"] == Position(4, 5)
    assert source.where(("a", 1, "k.1", "z", 1)) == "p.yaml:4:20"
    assert source.where(("a", 1, "k.1", "missing")) == "p.yaml:4:12"
    assert source.where(("a", 0, "x"), key=True) == "p.yaml:2:5"
    assert source.place(("a", 1, "k.1", "z", 0)) == "p.yaml:4"
    assert source.place(("b",)) == "p.yaml:1"


def test_document_without_lines_is_named_only():
    source = SourceMap("request")
    assert source.where(("a",)) == "request"
    assert source.place(("a",)) == "request"


def test_rendered_paths():
    assert render_path(("spec", "any-of", 0, "tcb.launch.snp", "in", 2)) == (
        'spec.any-of[0]."tcb.launch.snp".in[2]'
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &x 1", "policy-yaml-feature"),
        ("a: &x [1]", "policy-yaml-feature"),
        ("a: &x {}", "policy-yaml-feature"),
        ("&x a: 1", "policy-yaml-feature"),
        ("a: *x", "policy-yaml-feature"),
        ("*x : 1", "policy-yaml-feature"),
        ("a: !!str 1", "policy-yaml-feature"),
        ("a: ! 1", "policy-yaml-feature"),
        ("!!map {a: 1}", "policy-yaml-feature"),
        ("%TAG ! tag:x,1:\n---\na: 1", "policy-yaml-feature"),
        ("<<: {a: 1}", "policy-yaml-feature"),
        ("a: 1\na: 2", "policy-duplicate-key"),
        ("? {a: 1}\n: 2", "policy-wrong-type"),
        ("1.5: 2", "policy-wrong-type"),
        ("a: 1\n---\nb: 1", "policy-multiple-documents"),
        ("a: 1\n...\n---\nb: 1", "policy-multiple-documents"),
        ("a: [1", "policy-not-yaml"),
        ("a: 'x", "policy-not-yaml"),
        ("a: b: c", "policy-not-yaml"),
        ("a: @b", "policy-not-yaml"),
        ('a: "\\q"', "policy-not-yaml"),
        ("", "policy-not-yaml"),
        ("--- ", None),
        ("'<<': 1", None),
        ("---\na: 1\n...\n", None),
    ],
)
def test_refusals(read, text, code):
    if code is None:
        read(text)
        return
    with pytest.raises(PolicyError) as caught:
        read(text)
    assert caught.value.code == code


def test_impossible_escape_is_our_error(read):
    with pytest.raises(PolicyError):
        read('a: "\\UFFFFFFFF"')
    with pytest.raises(PolicyError):
        read('a: "\\ud800"')


def test_depth_boundary(read):
    read("[" * 17 + "]" * 17)
    with pytest.raises(PolicyError) as caught:
        read("[" * 18 + "]" * 18)
    assert caught.value.code is PolicyRefusal.TOO_LARGE


def test_deep_nesting_ends_early(read):
    with pytest.raises(PolicyError):
        read("[" * 100_000)


def test_duplicate_names_the_first_line(read):
    with pytest.raises(PolicyError) as caught:
        read("a: 1\nb: 2\na: 3\n")
    assert caught.value.where == "p.yaml:3:1"
    assert "line 1" in caught.value.detail


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("plain", None),
        ("zwölf 漢字 🙂", None),
        ("a\tb\n", None),
        ("a\x00", 1),
        ("ab\u200e", 2),
        ("\u2028", 0),
    ],
)
def test_hidden_characters(text, index):
    assert hidden_character(text) == index


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "nothing"), (True, "true"), (5, "the number 5"), ("no", 'the text "no"'),
        ({}, "an empty mapping"), ({"a": 1, "b": 2}, "a mapping with a, b"), ((), "an empty list"),
        ((1, 2), "a list of 2"), (b"x", "a bytes"),
        ("x" * 70, f'the text "{"x" * 60}... (70 characters)"'),
    ],
)  # fmt: skip
def test_descriptions(value, shown):
    assert describe(value) == shown


def test_hints():
    assert "YAML 1.2" in hint("Yes", wanted=bool)
    assert "quotes" in hint(1.5, wanted=str)
    assert hint("x", wanted=bool) == hint("x", wanted=str) == hint(1, wanted=bool) == ""
