"""Reads the pattern syntax of `matches` into a tree; see `policies.patterns` for the language."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import NoReturn

from policies.limits import MAX_PATTERN_DEPTH, MAX_PATTERN_REPEAT

# Symbols are the 128 ASCII characters and one that stands for every other character.
OTHER = 128
SYMBOLS = 129
EVERYTHING = (1 << SYMBOLS) - 1


def _symbols(characters: str) -> int:
    return sum(1 << ord(character) for character in set(characters))


_WORD = _symbols(string.ascii_letters + string.digits + "_")
_DIGIT = _symbols(string.digits)
_SPACE = _symbols(" \t\n\r\f\v")
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_ANY = EVERYTHING & ~_symbols("\n")
_SPECIAL = frozenset("\\.[](){}*+?|^$")
_PUNCTUATION = frozenset(string.punctuation)


class PatternError(ValueError):
    """The pattern is not in the subset; the text says why."""


@dataclass(frozen=True, slots=True)
class Node:
    """`set` takes one symbol, `sequence` and `alternatives` have parts, `repeat` has one."""

    kind: str
    symbols: int = 0
    parts: tuple[Node, ...] = ()
    least: int = 0
    most: int | None = None


def _takes_a_character(node: Node) -> bool:
    """Whether `node` can match anything but the empty text. What cannot is free to unfold."""
    if node.kind == "set":
        return True
    return node.most != 0 and any(_takes_a_character(part) for part in node.parts)


class _Parser:
    """Recursive descent over the pattern; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def fail(self, detail: str) -> NoReturn:
        raise PatternError(f"{detail} at character {self.at + 1}")

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        character = self.peek()
        self.at += 1
        return character

    def alternatives(self) -> Node:
        # Of several empty choices one says it all, so a tree is never larger than what it takes.
        parts = dict.fromkeys([self.sequence()])
        while self.peek() == "|":
            self.at += 1
            parts[self.sequence()] = None
        return next(iter(parts)) if len(parts) == 1 else Node("alternatives", parts=tuple(parts))

    def sequence(self) -> Node:
        parts: list[Node] = []
        while (character := self.peek()) and character not in "|)":
            part = self.repeated()
            if _takes_a_character(part):
                parts.append(part)
        return Node("sequence", parts=tuple(parts))

    def repeated(self) -> Node:
        atom = self.atom()
        bounds = self.quantifier()
        if bounds is None:
            return atom
        if self.peek() and self.peek() in "*+?{":
            self.fail("has a lazy, possessive or doubled quantifier, expected one plain quantifier")
        if not _takes_a_character(atom):
            self.fail("repeats what takes no character, expected a character in it")
        return Node("repeat", parts=(atom,), least=bounds[0], most=bounds[1])

    def quantifier(self) -> tuple[int, int | None] | None:
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self.peek())
        if simple:
            self.at += 1
            return simple
        if self.peek() != "{":
            return None
        end = self.text.find("}", self.at)
        least_text, comma, most_text = self.text[self.at + 1 : max(end, self.at)].partition(",")
        digits = [text for text in (least_text, most_text) if text]
        if not least_text or not all(t.isascii() and t.isdigit() and len(t) < 4 for t in digits):
            self.fail("has a brace that is no {m}, {m,} or {m,n}, expected a \\ before it")
        least = int(least_text)
        most = int(most_text) if most_text else None if comma else least
        if max(least, most or 0) > MAX_PATTERN_REPEAT or (most is not None and most < least):
            self.fail(f"has the bounds {least_text}{comma}{most_text}, expected 0 to 64 in order")
        self.at = end + 1
        return least, most

    def atom(self) -> Node:
        character = self.take()
        if character == "(":
            return self.group()
        if character == "[":
            return self.bracket()
        if character == ".":
            return Node("set", symbols=_ANY)
        if character == "\\":
            return Node("set", symbols=self.escape())
        if character in _SPECIAL:
            self.at -= 1
            reason = "; a pattern always matches the whole text" if character in "^$" else ""
            self.fail(f"has {character}, expected a \\ before it{reason}")
        return Node("set", symbols=1 << ord(character))

    def group(self) -> Node:
        if self.peek() == "?":
            self.fail("has (?, expected a plain group")
        self.depth += 1
        if self.depth > MAX_PATTERN_DEPTH:
            self.fail(f"nests groups deeper than {MAX_PATTERN_DEPTH}")
        inner = self.alternatives()
        if self.take() != ")":
            self.fail("lacks a )")
        self.depth -= 1
        return inner

    def escape(self) -> int:
        character = self.take()
        if character in _CLASSES:
            return _CLASSES[character]
        if character not in _PUNCTUATION or not character:
            self.at -= 1
            self.fail(f"has the escape \\{character}, expected \\d, \\w, \\s or punctuation")
        return 1 << ord(character)

    def bracket(self) -> Node:
        negated = self.peek() == "^"
        self.at += negated
        symbols = 0
        while self.peek() != "]":
            symbols |= self.bracket_item()
        self.at += 1
        if not symbols:
            self.fail("has an empty [], expected characters in it")
        return Node("set", symbols=EVERYTHING & ~symbols if negated else symbols)

    def bracket_item(self) -> int:
        low = self.bracket_symbols()
        is_range = self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("", "]")
        if not is_range:
            return low
        self.at += 1
        high = self.bracket_symbols()
        if low.bit_count() != 1 or high.bit_count() != 1 or high < low:
            self.fail("has a range out of order, expected one such as a-z")
        return (high << 1) - low

    def bracket_symbols(self) -> int:
        character = self.take()
        if not character:
            self.fail("lacks a ]")
        if character == "\\":
            return self.escape()
        if character in "[^-":
            # A dash may stand first or last; the others could be meant as something else.
            is_edge = character == "-" and (self.text[self.at - 2] in "[^" or self.peek() == "]")
            if not is_edge:
                self.at -= 1
                self.fail(f"has {character} inside [], expected a \\ before it")
        return 1 << ord(character)


def parse_pattern(text: str) -> Node:
    """The tree of a pattern. Raises `PatternError` for what the subset does not have."""
    if not text:
        raise PatternError("is empty, expected a pattern")
    if not (text.isascii() and text.isprintable()):
        raise PatternError("has characters that are not printable ASCII")
    parser = _Parser(text)
    tree = parser.alternatives()
    if parser.at < len(text):
        parser.fail("has a ) without (")
    return tree
