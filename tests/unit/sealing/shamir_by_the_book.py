"""A second opinion on `sealing.holders.shamir`: log tables, one byte at a time, as in textbooks.

Shares no code with it, and is as slow and as open to side channels as such code is.
"""

from __future__ import annotations

from collections.abc import Sequence


def _tables() -> tuple[list[int], list[int]]:
    """Powers of 3, which generates the field, and their logarithms."""
    powers, logs, value = [0] * 255, [0] * 256, 1
    for exponent in range(255):
        powers[exponent], logs[value] = value, exponent
        doubled = value << 1
        value ^= doubled ^ (0x11B if doubled & 0x100 else 0)
    return powers, logs


POWERS, LOGS = _tables()


def times(one: int, other: int) -> int:
    """The product of two bytes."""
    return POWERS[(LOGS[one] + LOGS[other]) % 255] if one and other else 0


def over(one: int, other: int) -> int:
    """The quotient of two bytes."""
    return POWERS[(LOGS[one] - LOGS[other]) % 255] if one else 0


def value_at(coefficients: Sequence[int], at: int) -> int:
    """The value of a polynomial whose constant coefficient comes first."""
    value, power = 0, 1
    for coefficient in coefficients:
        value ^= times(coefficient, power)
        power = times(power, at)
    return value


def interpolate(points: Sequence[tuple[int, bytes]], at: int) -> bytes:
    """The value at `at` of the polynomials through `points`, by Lagrange."""
    result = []
    for position in range(len(points[0][1])):
        value = 0
        for index, data in points:
            weight = 1
            for other, _ in points:
                if other != index:
                    weight = times(weight, over(at ^ other, index ^ other))
            value ^= times(data[position], weight)
        result.append(value)
    return bytes(result)
