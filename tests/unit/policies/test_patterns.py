from __future__ import annotations

import re

import pytest

from policies.patterns import PatternError, compile_pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "abc", "a|b|cd", "a*", "a+b?", "(ab)*c", "(a|b)*abb", "[a-c]x", "[^a-c]", ".", "a{2}",
        "a{0}", "a{1,}", "a{0,2}b", "(a|)b", "()", "\\.\\*", "\\d+\\w\\s", "[\\d.-]+", "[a-]",
        "[-a]", "[^-a]", "[\\]]+", "((a|b){2}){2}", "(a*)*b", "(a|a)*", "[.]", "a|", "|a",
        "(a?){3}", "[a-a]", "(a|){3}", "(a{0}|b){2}", "(()a){2}", "[^\\d]1",
    ],
)  # fmt: skip
def test_agrees_with_a_backtracking_engine(pattern):
    compiled = compile_pattern(pattern)
    alphabet = ["a", "b", "c", ".", "x", "-", "]", "1", " ", "\n", "é", "*", ""]
    subjects = {a + b + c for a in alphabet for b in alphabet for c in alphabet}
    reference = re.compile(pattern, re.ASCII)
    wrong = [s for s in subjects if compiled.matches(s) != bool(reference.fullmatch(s))]
    assert wrong == []


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("", "empty"), ("é", "ASCII"), ("a\n", "ASCII"), ("^a", "whole text"), ("a$", "whole text"),
        ("*a", "has *"), ("a**", "quantifier"), ("a*?", "quantifier"), ("a*+", "quantifier"),
        ("a{2}{3}", "quantifier"),
        ("(?:a)", "(?"), ("(a", "lacks a )"), ("a)", ") without ("), ("[a", "lacks a ]"),
        ("[]", "empty []"),
        ("[b-a]", "out of order"), ("[\\d-z]", "out of order"), ("[a^]", "has ^"),
        ("[a-c-e]", "has -"), ("[[a]", "has ["),
        ("a{", "brace"), ("a{x}", "brace"), ("a{,2}", "brace"), ("a{1", "brace"),
        ("a{1000}", "brace"),
        ("a{65}", "bounds"), ("a{2,1}", "bounds"), ("{2}", "has {"), ("a]", "has ]"),
        ("a}", "has }"),
        ("\\1", "escape"), ("\\b", "escape"), ("a\\", "escape"), ("(" * 17 + ")" * 17, "deeper"),
        ("(){64}", "no character"), ("()*", "no character"), ("(|)?", "no character"),
        ("a|(()()|){2}", "no character"), ("(a{0})+", "no character"), ("((a{0}|)){2}", "no char"),
        ("((((){64}){64}){64}){64}", "no character"), ("(((|){64}){64}){64}", "no character"),
        ("(((a{0}){64}){64}){64}", "no character"), ("((a{0}|b){64}){64}", "positions"),
        ("a" * 257, "257 characters"), ("(a{64}){9}", "positions"), ("(a|b)*a(a|b){12}", "states"),
    ],
)  # fmt: skip
def test_refused(pattern, says):
    with pytest.raises(PatternError, match=re.escape(says)):
        compile_pattern(pattern)


def test_characters_that_a_pattern_treats_alike_share_a_column():
    widths = {text: len(compile_pattern(text).table[0]) for text in ("a", "[a-z]+", ".", "[^x]y")}
    assert widths == {"a": 2, "[a-z]+": 2, ".": 2, "[^x]y": 3}


def test_hostile_subject_is_read_once():
    pattern = compile_pattern("(a|aa)*(a*)*b")
    assert not pattern.matches("a" * 100_000)
    assert pattern.matches("a" * 100_000 + "b")


@pytest.mark.parametrize("pattern", ["(" * 16 + "a" + ")" * 16, "a" * 256, "a{64}", "(a{64}){8}"])
def test_bounds_themselves_are_allowed(pattern):
    compile_pattern(pattern)
