"""Vectors of section 3 of docs/specs/release-protocol.md: challenge tokens of a fixed key."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from keybroker.challenges import ChallengeKey, Challenges
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
KEY, STRANGER = ChallengeKey(b"k" * 32), ChallengeKey(b"s" * 32)
CHALLENGE = Challenges([KEY]).issue(now=NOW, entropy=lambda count: bytes(range(count)))
TOKEN = CHALLENGE.token
RAW = base64.urlsafe_b64decode(TOKEN)


def token(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii")


def flipped(place: int) -> str:
    return token(RAW[:place] + bytes([RAW[place] ^ 1]) + RAW[place + 1 :])


def relabelled() -> str:
    """Authentic under the same key, for another purpose."""
    body = int(NOW.timestamp()).to_bytes(8, "big") + bytes(16)
    sealed = KEY.cipher(bytes(24)).encrypt(bytes(12), body, b"sealwasm/lease/v1\x00" + KEY.prefix)
    return token(KEY.prefix + bytes(24) + sealed)


def from_stranger() -> str:
    return Challenges([STRANGER]).issue(now=NOW, entropy=bytes).token


def generate(root: Path) -> None:
    """Write `root/challenge`, the same bytes every time."""
    folder = fresh_folder(root, "challenge")

    def write(name: str, why: str, expect: str, text: str = TOKEN, seconds: int = 0) -> None:
        case = {
            "why": f"docs/specs/release-protocol.md {why}",
            "stage": "challenge",
            "expect": expect,
            "key": KEY.secret.hex(),
            "token": text,
            "now": int((NOW + timedelta(seconds=seconds)).timestamp()),
        }
        if expect == ACCEPTED:
            case |= {"nonce": CHALLENGE.nonce.hex(), "expires": int(CHALLENGE.expires.timestamp())}
        write_case(folder, name, case)

    for name, seconds in (("at-once", 0), ("skewed", -30), ("last-second", 299)):
        write(name, "3.3: in date", ACCEPTED, seconds=seconds)
    _write_refusals(write)


def _write_refusals(write: Callable[..., None]) -> None:
    for name, why, text in (
        ("empty", "3.3: its length", ""),
        ("cut", "3.3: its length", TOKEN[:-1]),
        ("padded", "3.3: its length", TOKEN + "===="),
        ("other-alphabet", "3.1: base64url", "+" + TOKEN[1:]),
        ("not-ascii", "3.1: base64url", TOKEN[:-1] + "é"),
    ):
        write(name, why, "challenge-malformed", text)
    for name, why, text in (
        ("key-id", "3.1: a key of this broker", flipped(0)),
        ("salt", "3.1: authentic", flipped(8)),
        ("time", "3.1: authentic", flipped(39)),
        ("tag", "3.1: authentic", flipped(71)),
        ("stranger", "3.3: made by this broker", from_stranger()),
        ("purpose", "3.3: for this purpose", relabelled()),
    ):
        write(name, why, "challenge-not-ours", text)
    write("expired", "3.3: 300 s", "challenge-expired", seconds=300)
    write("ahead", "3.3: out of date", "challenge-from-the-future", seconds=-31)
