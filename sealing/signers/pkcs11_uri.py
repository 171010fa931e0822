"""`pkcs11:` URIs: the part of RFC 7512 that names one key on one token.

Specification: docs/specs/documents.md, steps K12 to K15.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from sealing import limits
from sealing.errors import SealError, SealRefusal

SCHEME: Final = "pkcs11:"
_PATH: Final = frozenset({"token", "serial", "manufacturer", "model", "slot-id", "object", "id"})
_QUERY: Final = frozenset({"module-path", "pin-source"})
# Unreserved characters, escapes, and what the RFC allows as it is in a path and in a query, but
# for the separators of the other one: what follows them is more likely meant as an attribute.
_PATH_VALUE: Final = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=]|%[0-9A-Fa-f]{2})+")
_QUERY_VALUE: Final = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=/]|%[0-9A-Fa-f]{2})+")
# CK_SLOT_ID is an unsigned long.
_SLOT: Final = re.compile(r"0|[1-9][0-9]{0,19}")


def _refused(why: str) -> SealError:
    return SealError(SealRefusal.KEY_URI, f"pkcs11 URI: {why}")


@dataclass(frozen=True, slots=True)
class Pkcs11Uri:
    """Which library, which token, which key, and which file holds the PIN."""

    module_path: str
    token: str | None = None
    serial: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    slot_id: int | None = None
    object: str | None = None
    id: bytes | None = None
    pin_source: str | None = None

    @property
    def names_a_key(self) -> bool:
        """Whether it names a key, not only a token."""
        return self.object is not None or self.id is not None

    def __str__(self) -> str:
        texts = {
            "token": self.token,
            "serial": self.serial,
            "manufacturer": self.manufacturer,
            "model": self.model,
            "slot-id": None if self.slot_id is None else str(self.slot_id),
            "object": self.object,
        }
        path = [f"{name}={_escape(text)}" for name, text in texts.items() if text is not None]
        if self.id is not None:
            path.append("id=" + "".join(f"%{byte:02x}" for byte in self.id))
        query = [f"module-path={_escape(self.module_path, '/')}"]
        if self.pin_source is not None:
            query.append(f"pin-source={_escape(self.pin_source, '/')}")
        return f"{SCHEME}{';'.join(path)}?{'&'.join(query)}"


def _escape(text: str, also: str = "") -> str:
    return quote(text, safe="-._~" + also)


def _attributes(
    part: str, separator: str, known: frozenset[str], value: re.Pattern[str]
) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for attribute in part.split(separator) if part else ():
        name, equals, text = attribute.partition("=")
        if name == "pin-value":
            raise _refused(
                "pin-value shows the PIN to everybody on this machine: change the PIN, put it in "
                "a file that only you can read, and name that with pin-source"
            )
        if name not in known:
            # Not repeated: what stands there may be anything, a PIN included.
            raise _refused(
                f"an attribute that is not known here, expected {', '.join(sorted(known))}"
            )
        if name in found:
            raise _refused(f"{name} is given twice")
        if not equals or not value.fullmatch(text):
            raise _refused(f"{name} has no value, or a character that needs a percent sign")
        found[name] = unquote_to_bytes(text)
    return found


def _text(found: dict[str, bytes], name: str) -> str | None:
    if name not in found:
        return None
    try:
        text = found[name].decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(f"{name} is not UTF-8") from error
    if "\0" in text:
        raise _refused(f"{name} holds a zero byte")
    return text


def _file(found: dict[str, bytes], name: str) -> str | None:
    text = _text(found, name)
    if text is None:
        return None
    path = text.removeprefix("file:")
    if not path.startswith("/") or path.startswith("//"):
        raise _refused(f"{name} is not an absolute path")
    return path


def _slot(found: dict[str, bytes]) -> int | None:
    text = _text(found, "slot-id")
    if text is None:
        return None
    if not _SLOT.fullmatch(text) or int(text) >= 1 << 64:
        raise _refused("slot-id is not a number")
    return int(text)


def parse_pkcs11_uri(text: str) -> Pkcs11Uri:
    """Return what `text` names, or raise `SealError`. Says nothing of a key being there.

    (1) At most 2048 characters. (2) Known attributes, each once, none empty. (3) No PIN in it.
    (4) A library, by its absolute path. (5) A token, by label, serial number or slot.
    """
    if len(text) > limits.KEY_URI_CHARS:
        raise SealError(SealRefusal.TOO_LARGE, f"pkcs11 URI has {len(text)} characters")
    if not text.startswith(SCHEME):
        raise _refused("does not start with pkcs11:")
    path, _, query = text.removeprefix(SCHEME).partition("?")
    queried = _attributes(query, "&", _QUERY, _QUERY_VALUE)
    named = _attributes(path, ";", _PATH | {"type"}, _PATH_VALUE)
    if named.pop("type", b"private") != b"private":
        raise _refused("type is not private")
    module = _file(queried, "module-path")
    if module is None:
        raise _refused("no module-path: the absolute path of the token's PKCS#11 library")
    if not named.keys() & {"token", "serial", "slot-id"}:
        raise _refused("names no token: token=LABEL, serial=NUMBER or slot-id=NUMBER")
    return Pkcs11Uri(
        module_path=module,
        token=_text(named, "token"),
        serial=_text(named, "serial"),
        manufacturer=_text(named, "manufacturer"),
        model=_text(named, "model"),
        slot_id=_slot(named),
        object=_text(named, "object"),
        id=named.get("id"),
        pin_source=_file(queried, "pin-source"),
    )
