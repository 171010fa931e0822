"""Reads the claims of one token: the right type and size, or refused."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from attestation import cbor
from attestation.errors import EvidenceError, Refusal


class ClaimReader:
    """One map of claims. Keys that nobody asked for are counted, not read (RFC 8392 section 3)."""

    def __init__(self, found: Any, what: str) -> None:
        if not isinstance(found, dict):
            raise EvidenceError(Refusal.MALFORMED, f"{what} is not a map")
        self._found = found
        self._what = what
        self._known: set[int] = set()

    @classmethod
    def of(cls, data: bytes, what: str) -> ClaimReader:
        """Return a reader for the encoded map; raise `EvidenceError` if it is not one."""
        return cls(cbor.decode(data, what=what), what)

    @property
    def unknown(self) -> int:
        """How many claims were never asked for."""
        return len(self._found.keys() - self._known)

    def has(self, key: int) -> bool:
        """Return whether a claim is there."""
        return key in self._found

    def octets(self, key: int, name: str, sizes: Collection[int] | None = None) -> bytes:
        """Return a byte string of one of these sizes; None allows any."""
        value = self._value(key, name)
        if not isinstance(value, bytes):
            raise self._malformed(name, "is not a byte string")
        if sizes is not None and len(value) not in sizes:
            raise self._malformed(name, f"has {len(value)} bytes")
        return value

    def text(self, key: int, name: str) -> str:
        """Return a text that is not empty."""
        value = self._value(key, name)
        if not isinstance(value, str) or not value:
            raise self._malformed(name, "is not a text")
        return value

    def optional_text(self, key: int, name: str) -> str | None:
        """Return a text, or None if the claim is not there."""
        return self.text(key, name) if key in self._found else None

    def integer(self, key: int, name: str, least: int, most: int) -> int:
        """Return an integer between `least` and `most`."""
        value = self._value(key, name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._malformed(name, f"is not an integer from {least} to {most}")
        return value

    def array(self, key: int, name: str, limit: int) -> list[Any]:
        """Return a list of one to `limit` values."""
        value = self._value(key, name)
        if not isinstance(value, list) or not 1 <= len(value) <= limit:
            raise self._malformed(name, f"is not a list of one to {limit} values")
        return value

    def _value(self, key: int, name: str) -> Any:
        self._known.add(key)
        if key not in self._found:
            raise EvidenceError(Refusal.MISSING_CLAIMS, f"{self._what} has no {name}")
        return self._found[key]

    def _malformed(self, name: str, detail: str) -> EvidenceError:
        return EvidenceError(Refusal.MALFORMED, f"{self._what}: {name} {detail}")
