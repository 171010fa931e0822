"""Requests for release: their form, their challenge, what binds them, and the evidence."""

from __future__ import annotations

from typing import Any

from sealing import canonical
from sealing.hpke import HYBRID, X25519
from tests.unit.sealing.makers import b64
from tests.vectors import release_world as w
from tests.vectors.folder import ACCEPTED
from tests.vectors.release_world import Ask
from tests.vectors.release_writer import (
    CHALLENGE,
    RELEASE,
    Writer,
)


def challenges(writer: Writer) -> None:
    """Requests for a challenge."""

    case = writer.case
    case(CHALLENGE, "empty-object", "3: the body is {}", ACCEPTED, "form", b"{}")
    case(CHALLENGE, "no-body", "1.1: JSON", "message-malformed", "form", b"")
    case(CHALLENGE, "member", "1.1: no member", "message-malformed", "form", b'{"a":1}')
    case(
        CHALLENGE,
        "too-many",
        "4.1: a bucket per source",
        "rate-limited",
        "limits",
        b"{}",
        before=[(CHALLENGE, b"{}")],
        broker={"burst": 1},
    )


def forms(writer: Writer) -> None:
    """Section 4.1 and 4.2: limits, form, challenge."""

    good = Ask().body()
    members = Ask().members()

    def case(name: str, why: str, message: bytes) -> None:
        writer.case(RELEASE, name, why, "message-malformed", "form", message)

    writer.case(RELEASE, "granted", "4.12: the key is released", ACCEPTED, "answer", good)
    writer.case(
        RELEASE,
        "too-many",
        "4.1: a bucket per source",
        "rate-limited",
        "limits",
        good,
        before=[(RELEASE, good)],
        broker={"burst": 1},
    )
    case("not-json", "1.1: JSON", b"release")
    case("spaced", "1.1: RFC 8785", good.replace(b'":', b'": ', 1))
    case(
        "repeated",
        "1.1: no member twice",
        good.replace(b'{"challenge', b'{"challenge":"","challenge', 1),
    )
    case("trailing", "1.1: nothing behind the end", good + b"\n")
    case("unknown-member", "1.1: no unknown member", canonical.encode(members | {"z": 1}))
    for name in sorted(members):
        rest = {key: value for key, value in members.items() if key != name}
        case(f"without-{name}", "4: every member is there", canonical.encode(rest))
    wrong: dict[str, tuple[str, Any]] = {
        "short-receipt-key": ("receipt_key", b64(bytes(31))),
        "long-receipt-key": ("receipt_key", b64(bytes(33))),
        "unpadded": ("receipt_key", b64(bytes(32)).rstrip("=")),
        "unused-bits": ("receipt_key", b64(bytes(32))[:-2] + "B="),
        "unknown-suite": ("runner_key", {"suite": "x25519", "public": b64(bytes(32))}),
        "key-of-another-suite": ("runner_key", {"suite": HYBRID, "public": b64(bytes(range(32)))}),
        "short-idempotency-key": ("idempotency_key", "i" * 21),
        "no-signature": ("signatures", []),
        "no-tee": ("evidence", {"report": ""}),
        "empty-manifest": ("manifest", ""),
        "challenge-with-space": ("challenge", "a b" * 20),
    }
    for name, (member, value) in wrong.items():
        case(name, "4: every member has its form", canonical.encode(members | {member: value}))
    writer.case(
        RELEASE,
        "challenge-not-canonical",
        "3.3: canonical base64url",
        "challenge-malformed",
        "challenge",
        canonical.encode(members | {"challenge": "a" * 97}),
    )
    writer.case(
        RELEASE,
        "challenge-of-a-stranger",
        "3.3: made here",
        "challenge-not-ours",
        "challenge",
        Ask(challenge_key=w.OTHER_CHALLENGE_KEY).body(),
    )
    for name, seconds, expect in (
        ("last-second", 299, ACCEPTED),
        ("expired", 300, "challenge-expired"),
        ("ahead", -31, "challenge-from-the-future"),
    ):
        writer.case(RELEASE, name, "3.3: 300 s", expect, "challenge", good, seconds=seconds)


def bindings(writer: Writer) -> None:
    """Section 4.3: each part of the request that the evidence binds."""

    other = Ask(number=2, idempotency_key="idempotency-key-000002")
    changes: dict[str, dict[str, Any]] = {
        "idempotency-key": {"idempotency_key": other.idempotency_key},
        "challenge": {"challenge": w.challenge(2).challenge},
        "receipt-key": {"receipt_key": b64(bytes(range(32)))},
        "runner-key": {"runner_key": {"suite": X25519, "public": b64(w.OTHER_RUNNER.public.raw)}},
        "manifest": {"manifest": b64(b"{}")},
    }
    for name, after in changes.items():
        writer.case(
            RELEASE,
            f"other-{name}",
            "4.3: the evidence binds it",
            "report-data-mismatch",
            "evidence",
            Ask(after=after).body(),
        )


def guests(writer: Writer) -> None:
    """Section 4.4: evidence."""

    guests = {
        "debug": (w.GUEST.debug(), "debug-enabled"),
        "stranger": (w.GUEST.signed_by_stranger(), "untrusted-chain"),
        "replayed-evidence": (w.GUEST.replayed_nonce(), "report-data-mismatch"),
        "empty-report-data": (w.GUEST.empty_report_data(), "report-data-mismatch"),
        "tampered": (w.GUEST.tampered(), "signature-invalid"),
    }
    for name, (guest, code) in guests.items():
        writer.case(RELEASE, name, "4.4: evidence", code, "evidence", Ask(guest=guest).body())
    unknown = {"tee": "abacus", "quote": b64(b"quote")}
    writer.case(
        RELEASE,
        "unknown-tee",
        "4.4: evidence",
        "unsupported",
        "evidence",
        Ask(after={"evidence": unknown}).body(),
    )
    writer.case(
        RELEASE,
        "simulated-not-trusted",
        "4.4: named roots only",
        "simulated-not-trusted",
        "evidence",
        Ask().body(),
        broker={"simulated": False},
    )
