"""Signed documents: owners, policies, evaluations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keybroker import protocol
from keybroker.owners.enrolment import OWNER_TYPE, POLICY_TYPE
from sealing import canonical
from sealing.signatures import dsse
from tests.fakes.world import capabilities, release_policy
from tests.unit.sealing import makers
from tests.unit.sealing.makers import b64
from tests.vectors import release_world as w
from tests.vectors.folder import ACCEPTED
from tests.vectors.release_writer import (
    EVALUATION,
    OWNER,
    POLICY,
    Writer,
)


def _signed_owner(*signers: Any, kind: str = OWNER_TYPE, **changes: Any) -> bytes:
    members = {
        "v": 1,
        "broker": w.IDENTITY,
        "name": "newcomer",
        "key": b64(w.NEWCOMER.public.spki),
        "not_after": protocol.format_time(w.LATER),
    }
    return dsse.sign(kind, canonical.encode(members | changes), signers)


def owners(writer: Writer) -> None:
    """Section 2 of enrolment.md."""

    both = (w.OPERATOR, w.NEWCOMER)

    def case(name: str, why: str, expect: str, stage: str, message: bytes, **options: Any) -> None:
        writer.case(OWNER, name, why, expect, stage, message, **options)

    missing, unknown = "seal-signature-missing", "seal-signer-unknown"
    case("enrolled", "2.3", ACCEPTED, "record", _signed_owner(*both))
    case("not-json", "1.2: a DSSE envelope", "seal-malformed", "form", b"owner")
    case("no-key", "2.1: a key", "seal-key-invalid", "form", _signed_owner(*both, key=b64(b"key")))
    case("upper-case", "2.1: names", "message-malformed", "form", _signed_owner(*both, name="New"))
    case("no-operator", "2.1: both sign", missing, "signature", _signed_owner(w.NEWCOMER))
    case("no-owner", "2.1: both sign", missing, "signature", _signed_owner(w.OPERATOR))
    case(
        "other-operator",
        "2.1: this operator",
        unknown,
        "signature",
        _signed_owner(makers.STRANGER, w.NEWCOMER),
    )
    case(
        "policy-type",
        "1.2: the payload type",
        "seal-payload-type",
        "signature",
        _signed_owner(*both, kind=POLICY_TYPE),
    )
    case(
        "another-broker",
        "1.3: for this broker",
        "document-for-another-broker",
        "current",
        _signed_owner(*both, broker="0" * 64),
    )
    case("last-second", "1.3: in time", ACCEPTED, "record", _signed_owner(*both), seconds=3599)
    case(
        "too-late",
        "1.3: in time",
        "document-expired",
        "current",
        _signed_owner(*both),
        seconds=3600,
    )
    case(
        "again",
        "2.3: once",
        "owner-exists",
        "record",
        _signed_owner(*both),
        before=[(OWNER, _signed_owner(*both))],
    )


def owner_policies(writer: Writer) -> None:
    """Section 3 of enrolment.md."""

    def case(name: str, why: str, expect: str, stage: str, message: bytes, **options: Any) -> None:
        writer.case(POLICY, name, why, expect, stage, message, **options)

    newer = release_policy(version=2)
    case("enrolled", "3.4", ACCEPTED, "record", w.policy_document(newer))
    case(
        "same-version",
        "3.4: above every earlier one",
        "policy-not-newer",
        "record",
        w.policy_document(),
    )
    case(
        "by-a-stranger",
        "3.1: an enrolled owner",
        "owner-unknown",
        "signature",
        w.policy_document(newer, owner=makers.STRANGER),
    )
    stolen = {
        "v": 1,
        "broker": w.IDENTITY,
        "owner": makers.OWNER.key_id,
        "document": newer,
        "not_after": protocol.format_time(w.LATER),
    }
    case(
        "in-anothers-name",
        "3.1: signed by that owner",
        "seal-signer-unknown",
        "signature",
        dsse.sign(POLICY_TYPE, canonical.encode(stolen), [makers.STRANGER]),
    )
    case(
        "another-broker",
        "1.3: for this broker",
        "document-for-another-broker",
        "current",
        w.policy_document(newer, broker="0" * 64),
    )
    case(
        "too-late",
        "1.3: in time",
        "document-expired",
        "current",
        w.policy_document(newer),
        seconds=3600,
    )
    case(
        "capabilities",
        "3.3: a release policy",
        "policy-unknown-kind",
        "document",
        w.policy_document(capabilities()),
    )
    spelled = release_policy(version=2)
    spelled["spec"]["lease"] = "15m"
    case(
        "not-canonical",
        "3.3: in canonical form",
        "policy-not-canonical",
        "document",
        w.policy_document(spelled),
    )


def evaluations(writer: Writer) -> None:
    """Section 4 of enrolment.md."""

    def case(name: str, why: str, expect: str, stage: str, message: bytes, **options: Any) -> None:
        writer.case(EVALUATION, name, why, expect, stage, message, **options)

    case("allowed", "4.3", ACCEPTED, "answer", w.evaluation())
    denied = replace(w.GUEST, measurement=b"\x01" * 48).attest(bytes(range(64))).to_wire()
    case("denied", "4.3: a denial is an answer", ACCEPTED, "answer", w.evaluation(evidence=denied))
    case(
        "by-a-stranger",
        "4.1: an enrolled owner",
        "owner-unknown",
        "signature",
        w.evaluation(owner=makers.STRANGER.key_id, signer=makers.STRANGER),
    )
    case(
        "in-anothers-name",
        "4.1: signed by that owner",
        "seal-signer-unknown",
        "signature",
        w.evaluation(signer=makers.STRANGER),
    )
    case(
        "another-broker",
        "1.3: for this broker",
        "document-for-another-broker",
        "current",
        w.evaluation(broker="0" * 64),
    )
    case("too-late", "1.3: in time", "document-expired", "current", w.evaluation(), seconds=3600)
    case(
        "other-report-data",
        "4.2: the report data expected",
        "report-data-mismatch",
        "evidence",
        w.evaluation(report_data=bytes(range(1, 65))),
    )
    case(
        "unknown-policy",
        "4.2: a policy of the owner",
        "policy-unknown",
        "policy",
        w.evaluation(policy="nowhere"),
    )
