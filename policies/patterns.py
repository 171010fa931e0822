r"""Patterns of the operator `matches`: a subset of RE2, run without backtracking.

A pattern must match the whole text. It has literals, `.`, `[...]`, `[^...]`, groups, `|`, `*`,
`+`, `?`, `{m}`, `{m,}`, `{m,n}` and the escapes `\d`, `\w`, `\s` and `\` before punctuation.
Anchors (there is nothing to anchor), look-around, back-references, flags and lazy or possessive
quantifiers are refused. Matching reads each character once, whatever the pattern.
Spec policy section P.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import compress
from operator import or_
from typing import Final

from policies.limits import MAX_PATTERN_CHARACTERS, MAX_PATTERN_STATES, MAX_PATTERNS
from policies.pattern_parser import OTHER, SYMBOLS, Node, PatternError, parse_pattern

__all__ = ["Pattern", "PatternError", "compile_pattern"]

# Binary digits as false and true.
_CHOSEN: Final = bytes.maketrans(b"01", b"\0\1")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern. State 0 is dead; `table[state][class]` is the next state.

    `classes` maps symbols to classes: those that every position treats alike share one.
    """

    text: str
    classes: bytes
    table: tuple[tuple[int, ...], ...]
    start: int
    accepting: frozenset[int]

    def matches(self, subject: str) -> bool:
        """Whether the whole of `subject` matches."""
        if subject.isascii():
            symbols = subject.encode("ascii")
        else:
            symbols = bytes(min(ord(character), OTHER) for character in subject)
        state = self.start
        table = self.table
        for symbol in symbols.translate(self.classes):
            state = table[state][symbol]
            if not state:
                return False
        return state in self.accepting


@dataclass(slots=True)
class _Fragment:
    """Part of a position automaton (Glushkov): sets of positions are bits of integers."""

    nullable: bool
    first: int
    last: int


class _Positions:
    """Positions of a pattern: which symbols each takes and which positions may follow it."""

    def __init__(self) -> None:
        self.symbols: list[int] = []
        self.follow: list[int] = []

    def build(self, node: Node) -> _Fragment:
        """The fragment of `node`; a repetition is built once per copy."""
        if node.kind == "set":
            if len(self.symbols) >= MAX_PATTERN_STATES:
                detail = f"has more than {MAX_PATTERN_STATES} positions when repetitions unfold"
                raise PatternError(detail)
            self.symbols.append(node.symbols)
            self.follow.append(0)
            bit = 1 << (len(self.symbols) - 1)
            return _Fragment(nullable=False, first=bit, last=bit)
        if node.kind == "alternatives":
            return self._alternatives(node)
        if node.kind == "repeat":
            return self._repeat(node)
        result = _Fragment(nullable=True, first=0, last=0)
        for part in node.parts:
            result = self._join(result, self.build(part))
        return result

    def _link(self, origins: int, targets: int) -> None:
        while origins:
            lowest = origins & -origins
            self.follow[lowest.bit_length() - 1] |= targets
            origins ^= lowest

    def _join(self, left: _Fragment, right: _Fragment) -> _Fragment:
        self._link(left.last, right.first)
        return _Fragment(
            nullable=left.nullable and right.nullable,
            first=left.first | (right.first if left.nullable else 0),
            last=right.last | (left.last if right.nullable else 0),
        )

    def _alternatives(self, node: Node) -> _Fragment:
        result = self.build(node.parts[0])
        for part in node.parts[1:]:
            other = self.build(part)
            result = _Fragment(
                nullable=result.nullable or other.nullable,
                first=result.first | other.first,
                last=result.last | other.last,
            )
        return result

    def _repeat(self, node: Node) -> _Fragment:
        result = _Fragment(nullable=True, first=0, last=0)
        for _ in range(node.least):
            result = self._join(result, self.build(node.parts[0]))
        if node.most is None:
            loop = self.build(node.parts[0])
            self._link(loop.last, loop.first)
            return self._join(result, _Fragment(nullable=True, first=loop.first, last=loop.last))
        for _ in range(node.most - node.least):
            copy = self.build(node.parts[0])
            result = self._join(result, _Fragment(nullable=True, first=copy.first, last=copy.last))
        return result


def _followers(positions: _Positions, mask: int) -> int:
    """What may follow any of the positions in `mask`: the innermost loop, so without one here."""
    chosen = f"{mask:b}"[::-1].encode("ascii").translate(_CHOSEN)
    return reduce(or_, compress(positions.follow, chosen), 0)


def _classes(positions: _Positions) -> tuple[bytes, list[int]]:
    """The class of every symbol, as `bytes.translate` takes it, and per class who takes it."""
    holders: dict[int, int] = {}
    for index, symbols in enumerate(positions.symbols):
        holders[symbols] = holders.get(symbols, 0) | 1 << index
    takers: dict[int, int] = {}
    classes = bytearray(256)
    for symbol in range(SYMBOLS):
        takes = 0
        for symbols, indices in holders.items():
            if symbols >> symbol & 1:
                takes |= indices
        classes[symbol] = takers.setdefault(takes, len(takers))
    return bytes(classes), list(takers)


def _determinise(
    positions: _Positions, whole: _Fragment, takers: list[int]
) -> tuple[list[list[int]], list[int]]:
    """Rows and position sets of the states reachable from the start; state 0 is dead, 1 starts."""
    rows: list[list[int]] = [[0] * len(takers), []]
    sets = [0, whole.first]
    numbers: dict[int, int] = {0: 0}
    current = 1
    while current < len(rows):
        targets = sets[current]
        if current != 1:
            targets = _followers(positions, targets)
        row = []
        for takes in takers:
            target = targets & takes
            number = numbers.get(target)
            if number is None:
                number = numbers[target] = len(rows)
                if number > MAX_PATTERN_STATES + 1:  # the dead and the first state are free
                    raise PatternError(f"needs more than {MAX_PATTERN_STATES} states")
                rows.append([])
                sets.append(target)
            row.append(number)
        rows[current] = row
        current += 1
    return rows, sets


@lru_cache(maxsize=2 * MAX_PATTERNS)
def compile_pattern(text: str) -> Pattern:
    """The automaton of a pattern. Raises `PatternError` for what the subset does not have."""
    if len(text) > MAX_PATTERN_CHARACTERS:
        raise PatternError(f"is {len(text)} characters, expected at most {MAX_PATTERN_CHARACTERS}")
    positions = _Positions()
    whole = positions.build(parse_pattern(text))
    classes, takers = _classes(positions)
    rows, sets = _determinise(positions, whole, takers)
    accepting = {number for number, held in enumerate(sets) if number > 1 and held & whole.last}
    if whole.nullable:
        accepting.add(1)
    table = tuple(tuple(row) for row in rows)
    return Pattern(text, classes, table, 1, frozenset(accepting))
