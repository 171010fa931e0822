"""Signed documents that change what was enrolled: the next key of an owner, and revocations."""

from __future__ import annotations

from typing import Any

from keybroker import protocol
from keybroker.owners.owner_changes import REVOCATION_TYPE, ROTATION_TYPE
from sealing import canonical
from sealing.signatures import dsse
from tests.unit.sealing import makers
from tests.unit.sealing.makers import b64
from tests.vectors import release_world as w
from tests.vectors.folder import ACCEPTED
from tests.vectors.release_writer import RELEASE, REVOCATION, ROTATION, Writer

BOTH = (makers.OWNER, w.NEWCOMER)


def _document(kind: str, signers: Any, members: dict[str, Any]) -> bytes:
    common = {
        "v": 1,
        "broker": w.IDENTITY,
        "owner": makers.OWNER.key_id,
        "not_after": protocol.format_time(w.LATER),
    }
    return dsse.sign(kind, canonical.encode(common | members), signers)


def _rotation(*signers: Any, kind: str = ROTATION_TYPE, **changes: Any) -> bytes:
    return _document(kind, signers or BOTH, {"key": b64(w.NEWCOMER.public.spki)} | changes)


def _revocation(revokes: Any, *signers: Any, **changes: Any) -> bytes:
    members = {"revokes": revokes, "reason": "leaks its input"}
    return _document(REVOCATION_TYPE, signers or (makers.OWNER,), members | changes)


ARTIFACT = {"manifest": w.MODULE.manifest_digest}
VERSIONS = {"module": "acme/solver", "through": 2}
KEY = {"key": True}


def rotations(writer: Writer) -> None:
    """Section 5 of enrolment.md."""

    def case(name: str, why: str, expect: str, stage: str, message: bytes, **options: Any) -> None:
        writer.case(ROTATION, name, why, expect, stage, message, **options)

    missing, unknown = "seal-signature-missing", "seal-signer-unknown"
    case("enrolled", "5.3", ACCEPTED, "record", _rotation())
    case("no-new-key", "5.1: both sign", missing, "signature", _rotation(makers.OWNER))
    case("no-old-key", "5.1: both sign", missing, "signature", _rotation(w.NEWCOMER))
    case(
        "by-the-operator",
        "5.1: nobody else signs",
        unknown,
        "signature",
        _rotation(w.OPERATOR, w.NEWCOMER),
    )
    case("no-key", "5.1: a key", "seal-key-invalid", "form", _rotation(key=b64(b"key")))
    case(
        "of-a-stranger",
        "5.1: an enrolled owner",
        "owner-unknown",
        "signature",
        _rotation(makers.STRANGER, w.NEWCOMER, owner=makers.STRANGER.key_id),
    )
    case(
        "of-a-revoked-key",
        "5.1: not revoked",
        "owner-revoked",
        "signature",
        _rotation(),
        before=[(REVOCATION, _revocation(KEY))],
    )
    case(
        "another-type",
        "1.2: the payload type",
        "seal-payload-type",
        "signature",
        _rotation(kind=REVOCATION_TYPE),
    )
    case(
        "another-broker",
        "1.3: for this broker",
        "document-for-another-broker",
        "current",
        _rotation(broker="0" * 64),
    )
    case("too-late", "1.3: in time", "document-expired", "current", _rotation(), seconds=3600)
    case(
        "again",
        "5.3: a key is enrolled once",
        "owner-exists",
        "record",
        _rotation(),
        before=[(ROTATION, _rotation())],
    )
    case(
        "beside-another",
        "5.3: a key is followed by one key",
        "owner-followed",
        "record",
        _rotation(makers.OWNER, makers.STRANGER, key=b64(makers.STRANGER.public.spki)),
        before=[(ROTATION, _rotation())],
    )
    later = w.Ask(module=w.sealed(owner=w.NEWCOMER, version=1)).body()
    writer.case(
        RELEASE,
        "of-the-next-key",
        "4.5: the key that followed is enrolled",
        ACCEPTED,
        "answer",
        w.Ask(module=w.sealed(owner=w.NEWCOMER)).body(),
        before=[(ROTATION, _rotation())],
    )
    writer.case(
        RELEASE,
        "older-version-of-the-next-key",
        "4.11: versions go along with the key",
        "version-rolled-back",
        "record",
        later,
        before=[
            (RELEASE, w.Ask(number=2, idempotency_key="idempotency-key-000002").body()),
            (ROTATION, _rotation()),
        ],
    )
    newer = w.Ask(
        module=w.sealed(owner=w.NEWCOMER, version=3),
        number=2,
        idempotency_key="idempotency-key-000002",
    )
    writer.case(
        RELEASE,
        "older-version-of-the-key-before",
        "4.11: a later key's version counts for the keys before it",
        "version-rolled-back",
        "record",
        w.Ask().body(),
        before=[(ROTATION, _rotation()), (RELEASE, newer.body())],
    )


def revocations(writer: Writer) -> None:
    """Section 6 of enrolment.md."""

    def case(name: str, why: str, expect: str, stage: str, message: bytes, **options: Any) -> None:
        writer.case(REVOCATION, name, why, expect, stage, message, **options)

    case("artifact", "6.3", ACCEPTED, "record", _revocation(ARTIFACT))
    case("by-the-operator", "6.1", ACCEPTED, "record", _revocation(ARTIFACT, w.OPERATOR))
    case(
        "of-a-revoked-key",
        "6.1: also when revoked already",
        ACCEPTED,
        "record",
        _revocation(KEY),
        before=[(REVOCATION, _revocation(KEY))],
    )
    case(
        "by-a-stranger",
        "6.1: owner or operator sign",
        "seal-signer-unknown",
        "signature",
        _revocation(ARTIFACT, makers.STRANGER),
    )
    case("unsigned", "6.1: somebody signs", "seal-signature-missing", "signature", _unsigned())
    case(
        "of-a-stranger",
        "6.1: an enrolled owner",
        "owner-unknown",
        "signature",
        _revocation(KEY, makers.STRANGER, owner=makers.STRANGER.key_id),
    )
    case("nothing", "6.1: one of three things", "message-malformed", "form", _revocation({}))
    case(
        "two-things",
        "6.1: one of three things",
        "message-malformed",
        "form",
        _revocation(ARTIFACT | KEY),
    )
    case(
        "key-false",
        "6.1: one of three things",
        "message-malformed",
        "form",
        _revocation({"key": False}),
    )
    case("key-one", "6.1: a boolean", "message-malformed", "form", _revocation({"key": 1}))
    case("no-reason", "6.1: a reason", "message-malformed", "form", _revocation(KEY, reason=""))
    case(
        "another-broker",
        "1.3: for this broker",
        "document-for-another-broker",
        "current",
        _revocation(KEY, broker="0" * 64),
    )
    case("too-late", "1.3: in time", "document-expired", "current", _revocation(KEY), seconds=3600)
    for name, code, revokes in (
        ("revoked-artifact", "module-revoked", ARTIFACT),
        ("revoked-version", "module-revoked", VERSIONS),
        ("older-than-a-revoked-version", "module-revoked", VERSIONS | {"through": 9}),
        ("revoked-owner", "owner-revoked", KEY),
    ):
        stage = "owner" if code == "owner-revoked" else "record"
        writer.case(
            RELEASE,
            name,
            "4.5: not revoked" if stage == "owner" else "4.11: not revoked",
            code,
            stage,
            w.Ask().body(),
            before=[(REVOCATION, _revocation(revokes))],
        )
    writer.case(
        RELEASE,
        "above-a-revoked-version",
        "4.11: up to the version that was revoked",
        ACCEPTED,
        "answer",
        w.Ask().body(),
        before=[(REVOCATION, _revocation(VERSIONS | {"through": 1}))],
    )


def _unsigned() -> bytes:
    body = canonical.parse_json(_revocation(KEY), limit_bytes=1 << 20, what="document")
    return canonical.encode(body | {"signatures": []})
