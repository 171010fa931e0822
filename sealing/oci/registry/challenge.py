"""`WWW-Authenticate`: what a registry asks for when it asks who we are. RFC 9110, section 11.

Steps in docs/specs/registry-access.md, section 1. One reading or none: clients that guess here send
passwords to whoever is named between the lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sealing.errors import SealError, SealRefusal
from sealing.oci import limits

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - a grammar
_SPACE = re.compile(r"[ \t]*")
_COMMAS = re.compile(r"[ \t]*(?:,[ \t]*)*")
_SCHEME = re.compile(rf"({_TOKEN})(?: +|(?=[ \t]*(?:,|$)))")
_TOKEN68 = re.compile(r"[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))")
# Only printable ASCII, in quotes too: anything else has no one meaning here.
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:({_TOKEN})|"((?:[ !#-\[\]-~]|\\[ -~])*+)")')
_ESCAPED = re.compile(r"\\(.)")
# What we answer: named twice, the registry means one of them, and we cannot know which.
_ANSWERED = frozenset({"basic", "bearer"})


@dataclass(frozen=True, slots=True)
class Challenge:
    """One scheme with its parameters; scheme and parameter names are in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(lines: Sequence[str]) -> tuple[Challenge, ...]:
    """Return the challenges of all `WWW-Authenticate` lines of one answer, in their order.

    Raises `SealError` (`seal-registry-malformed`) if any of them has no or more than one meaning.
    """
    if len(lines) > limits.CHALLENGE_LINES:
        raise _malformed("more lines than there are schemes")
    found = [challenge for line in lines for challenge in _parse_line(line)]
    schemes = [challenge.scheme for challenge in found if challenge.scheme in _ANSWERED]
    if len(schemes) != len(set(schemes)):
        raise _malformed("a scheme is named twice")
    return tuple(found)


def _parse_line(line: str) -> list[Challenge]:
    if len(line) > limits.CHALLENGE_CHARS:
        raise _malformed(f"a line is longer than {limits.CHALLENGE_CHARS} characters")
    found: list[Challenge] = []
    at = _skip(_COMMAS, line, 0)
    while at < len(line):
        scheme = _SCHEME.match(line, at)
        if scheme is None:
            raise _malformed(f"no scheme at character {at}")
        parameters, at = _parse_parameters(line, _skip(_SPACE, line, scheme.end()))
        found.append(Challenge(scheme[1].lower(), parameters))
    return found


def _parse_parameters(line: str, at: int) -> tuple[dict[str, str], int]:
    """Return the parameters that begin at `at`, and where the next challenge begins."""
    alone = _TOKEN68.match(line, at)
    if alone is not None:
        # A ticket of another scheme. `name=` would read as one too, but has no value either way.
        return {}, _next(line, alone.end())
    parameters: dict[str, str] = {}
    while (one := _PARAMETER.match(line, at)) is not None:
        name = one[1].lower()
        if name in parameters:
            raise _malformed("a parameter is named twice")
        parameters[name] = _ESCAPED.sub(r"\1", one[3]) if one[2] is None else one[2]
        at = _next(line, one.end())
    return parameters, at if parameters else _next(line, at)


def _next(line: str, at: int) -> int:
    """Return where the next item begins; nothing but a comma parts it from the one before."""
    end = _skip(_COMMAS, line, at)
    if end < len(line) and "," not in line[at:end]:
        raise _malformed(f"no comma at character {at}")
    return end


def _skip(pattern: re.Pattern[str], line: str, at: int) -> int:
    match = pattern.match(line, at)
    return at if match is None else match.end()


def _malformed(why: str) -> SealError:
    return SealError(SealRefusal.REGISTRY_MALFORMED, f"WWW-Authenticate: {why}")
