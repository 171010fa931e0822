"""The fields of a leaf: each turns a value into JSON and back, and takes nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from keybroker.audit.limits import MAX_LIST, MAX_TEXT
from keybroker.errors import BrokerCode, BrokerError

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_VERSION_MAX = 2**53 - 1  # What a JSON number holds exactly.


@dataclass(frozen=True, slots=True)
class PolicyReference:
    """Which version of which policy, and its digest."""

    name: str
    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class LeafField:
    """Both directions of one field. Each raises `LEAF_MALFORMED`."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def refuse(detail: str) -> NoReturn:
    """Raise `LEAF_MALFORMED`."""
    raise BrokerError(BrokerCode.LEAF_MALFORMED, detail)


def _text(pattern: str) -> LeafField:
    compiled = re.compile(pattern)

    def check(value: Any) -> str:
        if not isinstance(value, str) or compiled.fullmatch(value) is None:
            refuse(f"a text of a leaf does not match {pattern}")
        return value

    return LeafField(check, check)


def _list_of(member: LeafField) -> LeafField:
    def write(value: Any) -> list[Any]:
        if not isinstance(value, tuple) or len(value) > MAX_LIST:
            refuse(f"a list of a leaf is no tuple of at most {MAX_LIST}")
        return [member.write(item) for item in value]

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > MAX_LIST:
            refuse(f"a list of a leaf is no list of at most {MAX_LIST}")
        return tuple(member.read(item) for item in value)

    return LeafField(write, read)


def optional(member: LeafField) -> LeafField:
    """Return the field that may also be null: not known at the time."""
    return LeafField(
        lambda value: None if value is None else member.write(value),
        lambda value: None if value is None else member.read(value),
    )


def _write_time(value: Any) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        refuse("a time of a leaf is not an aware time")
    return value.astimezone(UTC).strftime(_TIME)


def _read_time(value: Any) -> datetime:
    try:
        moment = datetime.strptime(value, _TIME).replace(tzinfo=UTC)
    except (TypeError, ValueError):
        refuse("a time of a leaf is not RFC 3339 UTC in whole seconds")
    if moment.strftime(_TIME) != value:
        refuse("a time of a leaf is not in its one form")
    return moment


def _check_version(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= _VERSION_MAX:
        refuse("a version of a leaf is not a positive integer")
    return value


def _check_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        refuse("a flag of a leaf is not a boolean")
    return value


def _write_policy(value: Any) -> dict[str, Any]:
    if not isinstance(value, PolicyReference):
        refuse("a policy of a leaf is not a reference")
    return {
        "name": TEXT.write(value.name),
        "version": VERSION.write(value.version),
        "digest": DIGEST.write(value.digest),
    }


def _read_policy(value: Any) -> PolicyReference:
    if not isinstance(value, dict) or value.keys() != {"name", "version", "digest"}:
        refuse("a policy of a leaf is not name, version and digest")
    return PolicyReference(
        TEXT.read(value["name"]), VERSION.read(value["version"]), DIGEST.read(value["digest"])
    )


ID = _text(r"[a-z0-9][a-z0-9-]{7,63}")
KEY_ID = _text(r"[0-9a-f]{64}")
DIGEST = _text(r"sha256:[0-9a-f]{64}")
CODE = _text(r"[a-z0-9]+(-[a-z0-9]+){0,15}")
TEE = _text(r"[a-z]{2,8}(-[a-z]{2,8})?")
TEXT = _text(rf"[^\x00-\x1f\x7f]{{1,{MAX_TEXT}}}")
TIME = LeafField(_write_time, _read_time)
VERSION = LeafField(_check_version, _check_version)
FLAG = LeafField(_check_flag, _check_flag)
POLICY = LeafField(_write_policy, _read_policy)
DIGESTS = _list_of(DIGEST)
KEY_IDS = _list_of(KEY_ID)
TEXTS = _list_of(TEXT)
