"""The wire messages: one form each, and nothing of a response can be changed unseen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keybroker import protocol
from keybroker.protocol import ProtocolError, ProtocolRefusal
from sealing import canonical, hpke
from sealing.keys import SigningKey
from sealing.signatures import dsse

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
MANIFEST = canonical.digest_of(b"manifest")
REQUEST = canonical.digest_of(b"request")


def document(**changes: Any) -> protocol.ReleaseDocument:
    members = {
        "v": 1,
        "decision": "decision-0123456789abcdef",
        "manifest": MANIFEST,
        "module": "acme/solver",
        "version": 7,
        "owner": "a" * 64,
        "policy": {"name": "acme/prod", "version": 2, "digest": canonical.digest_of(b"policy")},
        "guardrails": [canonical.digest_of(b"guardrails")],
        "grant": {"kind": "CapabilityPolicy"},
        "lease": {
            "id": "lease-0123456789abcdef",
            "expires": "2026-11-22T10:15:00Z",
            "renew_after": "2026-11-22T10:10:00Z",
        },
        "result": "e30.e30.AAAA",
        "leaf": canonical.b64encode(b"{}"),
        "request": REQUEST,
        "simulated": True,
    }
    return protocol.ReleaseDocument.model_validate(members | changes)


def info_of(made: protocol.ReleaseDocument) -> bytes:
    return protocol.release_info(
        made.to_bytes(),
        decision=made.decision,
        grant=canonical.digest_of(canonical.encode(made.grant)),
        lease=made.lease.id,
        manifest=made.manifest,
    )


@dataclass(frozen=True)
class FakeBroker:
    """Signs what it is told, as the broker does."""

    identity: SigningKey

    def releases(self, made: protocol.ReleaseDocument, wrapped: bytes = b"\x00" * 48) -> bytes:
        signed = dsse.sign(protocol.RELEASE_TYPE, made.to_bytes(), [self.identity])
        return protocol.ReleaseResponse(release=signed.decode(), wrapped_key=wrapped).to_bytes()

    def describes_itself(self, **changes: Any) -> bytes:
        key = hpke.OpeningKey.generate(hpke.HYBRID).public
        members = {
            "v": 1,
            "identity": canonical.b64encode(self.identity.public.spki),
            "sealing_keys": [
                {"id": key.key_id, "suite": key.suite, "public": canonical.b64encode(key.raw)}
            ],
            "tees": ["snp"],
            "simulated": True,
            "log": {"origin": "broker.example/log", "key": "broker.example/log+00000000+AA=="},
            "ear": {"jwk": {"kty": "EC"}},
            "issued": "2026-11-22T10:00:00Z",
        }
        return dsse.sign(protocol.BROKER_TYPE, canonical.encode(members | changes), [self.identity])

    def verified(self, response: bytes, now: datetime = NOW) -> protocol.VerifiedRelease:
        return protocol.verify_release(
            response,
            identity=self.identity.public,
            manifest=MANIFEST,
            request=REQUEST,
            now=now,
        )


@pytest.fixture(scope="module")
def broker() -> FakeBroker:
    return FakeBroker(SigningKey.generate("ed25519"))


def refusal(call: Any, *args: Any, **kwargs: Any) -> ProtocolRefusal:
    with pytest.raises(ProtocolError) as caught:
        call(*args, **kwargs)
    return caught.value.code


def test_suites_are_those_of_sealing() -> None:
    assert set(protocol.Suite.__args__) == set(hpke.SUITES)


def test_release_for_this_request_is_accepted(broker: FakeBroker) -> None:
    found = broker.verified(broker.releases(document()))
    assert found.document == document()
    assert found.info.startswith(protocol.CONTEXT)
    assert b"wrapped" not in repr(found).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"decision": "decision-other-000000"},
        {"manifest": canonical.digest_of(b"other")},
        {"grant": {"kind": "wider"}},
        {"simulated": False},
        {"lease": {"id": "lease-other-0000", "expires": "x", "renew_after": "x"}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_member_changes_the_info(changes: dict[str, Any]) -> None:
    changed = document().model_copy(update=changes)
    if "lease" in changes:
        changed = document().model_copy(
            update={"lease": protocol.Lease.model_construct(**changes["lease"])}
        )
    assert info_of(changed) != info_of(document())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"manifest": canonical.digest_of(b"other")}, ProtocolRefusal.OTHER_REQUEST),
        ({"request": canonical.digest_of(b"other")}, ProtocolRefusal.OTHER_REQUEST),
    ],
)
def test_release_for_another_request_is_refused(
    broker: FakeBroker, changes: dict[str, Any], code: ProtocolRefusal
) -> None:
    assert refusal(broker.verified, broker.releases(document(**changes))) is code


@pytest.mark.parametrize(("seconds", "ok"), [(-1, True), (0, False), (1, False)])
def test_lease_ends_at_its_second(broker: FakeBroker, seconds: int, ok: bool) -> None:
    now = NOW + timedelta(minutes=15, seconds=seconds)
    response = broker.releases(document())
    if ok:
        broker.verified(response, now)
    else:
        assert refusal(broker.verified, response, now) is ProtocolRefusal.LEASE_EXPIRED


def test_release_by_a_stranger_is_refused(broker: FakeBroker) -> None:
    stranger = FakeBroker(SigningKey.generate("ed25519"))
    code = refusal(broker.verified, stranger.releases(document()))
    assert code is ProtocolRefusal.BAD_SIGNATURE


def test_descriptor_of_another_type_is_no_release(broker: FakeBroker) -> None:
    signed = dsse.sign(protocol.BROKER_TYPE, document().to_bytes(), [broker.identity])
    response = protocol.ReleaseResponse(release=signed.decode(), wrapped_key=b"\x00" * 48)
    assert refusal(broker.verified, response.to_bytes()) is ProtocolRefusal.BAD_SIGNATURE


def test_descriptor_of_the_pinned_broker_is_accepted(broker: FakeBroker) -> None:
    identity = broker.identity.public.key_id
    found = protocol.verify_descriptor(broker.describes_itself(), identity=identity)
    assert found.identity_key().key_id == identity
    assert found.sealing_keys[0].sealing_key().key_id == found.sealing_keys[0].id


def test_identity_can_be_shown_before_it_is_pinned(broker: FakeBroker) -> None:
    shown = protocol.unverified_identity(broker.describes_itself())
    assert shown == broker.identity.public.key_id


def test_descriptor_of_another_broker_is_refused(broker: FakeBroker) -> None:
    code = refusal(protocol.verify_descriptor, broker.describes_itself(), identity="0" * 64)
    assert code is ProtocolRefusal.WRONG_IDENTITY


def test_descriptor_signed_by_another_key_is_refused(broker: FakeBroker) -> None:
    stranger = FakeBroker(SigningKey.generate("ed25519"))
    forged = stranger.describes_itself(identity=canonical.b64encode(broker.identity.public.spki))
    identity = broker.identity.public.key_id
    code = refusal(protocol.verify_descriptor, forged, identity=identity)
    assert code is ProtocolRefusal.BAD_SIGNATURE


@pytest.mark.parametrize(
    "changes",
    [
        {"sealing_keys": []},
        {
            "sealing_keys": [
                {"id": "0" * 64, "suite": hpke.X25519, "public": canonical.b64encode(b"k" * 32)}
            ]
        },
        {
            "sealing_keys": [
                {"id": "0" * 64, "suite": hpke.HYBRID, "public": canonical.b64encode(b"k" * 32)}
            ]
        },
        {"identity": canonical.b64encode(b"k" * 44)},
        {"tees": []},
        {"v": 2},
        {"issued": "2026-11-22 10:00:00"},
        {"issued": "2026-11-22T1:00:00Z"},
        {"surplus": 1},
    ],
)
def test_descriptor_with_a_bad_member_is_refused(
    broker: FakeBroker, changes: dict[str, Any]
) -> None:
    identity = broker.identity.public.key_id
    code = refusal(
        protocol.verify_descriptor, broker.describes_itself(**changes), identity=identity
    )
    assert code is ProtocolRefusal.MALFORMED


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"payload":1}', b'{"payload":"A"}', b"\xff"])
def test_anything_else_is_no_descriptor(data: bytes) -> None:
    assert refusal(protocol.verify_descriptor, data, identity="0" * 64) is ProtocolRefusal.MALFORMED


def request_members() -> dict[str, Any]:
    return {
        "challenge": "c" * 72,
        "runner_key": {"suite": hpke.X25519, "public": canonical.b64encode(b"r" * 32)},
        "receipt_key": canonical.b64encode(b"k" * 32),
        "evidence": {"tee": "snp", "report": canonical.b64encode(b"report")},
        "manifest": canonical.b64encode(b"manifest"),
        "signatures": [canonical.b64encode(b"bundle")],
        "idempotency_key": "i" * 22,
    }


def test_request_round_trips() -> None:
    data = canonical.encode(request_members())
    found = protocol.ReleaseRequest.parse(data)
    assert found.to_bytes() == data
    assert found.signatures == (b"bundle",)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("challenge", "c" * 15),
        ("challenge", "c" * 1025),
        ("challenge", "c c" * 20),
        ("challenge", "c" * 72 + "\n"),
        ("runner_key", {"suite": "none", "public": canonical.b64encode(b"r" * 32)}),
        ("runner_key", {"suite": hpke.X25519, "public": canonical.b64encode(b"r" * 31)}),
        ("receipt_key", canonical.b64encode(b"k" * 31)),
        ("receipt_key", canonical.b64encode(b"k" * 33)),
        ("receipt_key", "a" * 43),
        ("receipt_key", 7),
        ("evidence", {}),
        ("evidence", {"tee": 1}),
        ("evidence", {"report": ""}),
        ("evidence", {"tee": "SNP"}),
        ("evidence", {"tee": "x"}),
        ("evidence", {"Tee": "snp"}),
        ("evidence", {f"p{n}": "" for n in range(17)}),
        ("manifest", ""),
        ("signatures", []),
        ("signatures", [canonical.b64encode(b"bundle")] * 17),
        ("signatures", {"a": "b"}),
        ("signatures", canonical.b64encode(b"bundle")),
        ("idempotency_key", "i" * 21),
        ("idempotency_key", "i" * 65),
        ("idempotency_key", "i" * 22 + "\n"),
        ("surplus", 1),
    ],
)
def test_request_with_a_bad_member_is_refused(member: str, value: object) -> None:
    data = canonical.encode(request_members() | {member: value})
    assert refusal(protocol.ReleaseRequest.parse, data) is ProtocolRefusal.MALFORMED


@pytest.mark.parametrize("member", sorted(request_members()))
def test_request_without_a_member_is_refused(member: str) -> None:
    members = request_members()
    del members[member]
    data = canonical.encode(members)
    assert refusal(protocol.ReleaseRequest.parse, data) is ProtocolRefusal.MALFORMED


def test_request_in_another_form_is_refused() -> None:
    data = canonical.encode(request_members())
    assert refusal(protocol.ReleaseRequest.parse, b" " + data) is ProtocolRefusal.MALFORMED


@pytest.mark.parametrize(("limit", "ok"), [(-1, False), (0, True), (1, True)])
def test_request_has_a_size_limit(limit: int, ok: bool) -> None:
    data = canonical.encode(request_members())
    if ok:
        protocol.ReleaseRequest.parse(data, limit_bytes=len(data) + limit)
    else:
        with pytest.raises(ProtocolError):
            protocol.ReleaseRequest.parse(data, limit_bytes=len(data) + limit)


def test_errors_do_not_repeat_the_input() -> None:
    data = canonical.encode(request_members() | {"receipt_key": "canary" * 3})
    with pytest.raises(ProtocolError) as caught:
        protocol.ReleaseRequest.parse(data)
    assert "canary" not in str(caught.value)
    assert "canary" not in str(caught.value.__cause__)


def test_every_part_of_a_request_is_in_the_report_data() -> None:
    request = protocol.ReleaseRequest.parse(canonical.encode(request_members()))
    one = request.binding(b"n" * 32)
    assert len(one.report_data()) == 64
    others = [
        request.binding(b"m" * 32),
        request.model_copy(update={"idempotency_key": "j" * 22}).binding(b"n" * 32),
        request.model_copy(update={"receipt_key": b"l" * 32}).binding(b"n" * 32),
        request.model_copy(update={"manifest": b"other"}).binding(b"n" * 32),
        request.model_copy(
            update={"runner_key": protocol.RunnerKey(suite=hpke.X25519, public=b"s" * 32)}
        ).binding(b"n" * 32),
    ]
    assert len({other.report_data() for other in [one, *others]}) == 6
    assert len({other.digest() for other in [one, *others]}) == 6


def test_binding_round_trips() -> None:
    request = protocol.ReleaseRequest.parse(canonical.encode(request_members()))
    binding = request.binding(b"n" * 32)
    assert protocol.Binding.parse(binding.to_bytes()) == binding


@pytest.mark.parametrize("text", ["2026-11-22T10:00:00Z", "1970-01-01T00:00:00Z"])
def test_time_has_one_form(text: str) -> None:
    assert protocol.format_time(protocol.parse_time(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:00:00+00:00",
        "2026-11-22t10:00:00Z",
        "2026-11-22T10:00:00.0Z",
        "26-11-22T10:00:00Z",
        "2026-1-2T10:00:00Z",
        "\uff12026-11-22T10:00:00Z",
    ],
)
def test_other_forms_of_time_are_refused(text: str) -> None:
    assert refusal(protocol.parse_time, text) is ProtocolRefusal.MALFORMED


@pytest.mark.parametrize(
    "body",
    [
        b'{"evidence":{' + b",".join(b'"%06d":0' % i for i in range(9000)) + b"}}",
        b"{" + b",".join(b'"%06d":0' % i for i in range(9000)) + b"}",
        b'{"signatures":[' + b",".join([b"0"] * 9000) + b"]}",
        b'{"runner_key":{' + b",".join(b'"%06d":0' % i for i in range(9000)) + b"}}",
    ],
)
def test_many_bad_members_are_few_errors(body: bytes) -> None:
    """A refusal names a handful of members, however many are wrong: refusing must be cheap."""
    with pytest.raises(ProtocolError) as caught:
        protocol.ReleaseRequest.parse(body, limit_bytes=protocol.MAX_REQUEST_BYTES)
    assert caught.value.code is ProtocolRefusal.MALFORMED
    assert len(caught.value.detail) < 600


@pytest.mark.parametrize("message", [protocol.ReleaseRequest, protocol.Binding, protocol.RunnerKey])
def test_members_of_an_ordered_message_are_in_order(message: type[protocol.Message]) -> None:
    assert list(message.model_fields) == sorted(message.model_fields)


def test_parts_of_evidence_are_put_in_order() -> None:
    members = request_members()
    turned = dict(sorted(members["evidence"].items(), reverse=True))
    assert list(turned) != sorted(turned)
    found = protocol.ReleaseRequest.model_validate(members | {"evidence": turned})
    copied = found.model_copy(update={"evidence": turned})
    assert found.to_bytes() == copied.to_bytes() == canonical.encode(members)


@pytest.mark.parametrize(
    "text",
    ["tee", "\u00e9\u2028\U0001f600", '\x00\x1f\x7f\\/"\b\f\n\r\t'],
    ids=["ascii", "unicode", "control"],
)
def test_ordered_form_is_the_canonical_one(text: str) -> None:
    data = canonical.encode(request_members() | {"evidence": {"report": text, "tee": "snp"}})
    request = protocol.ReleaseRequest.parse(data)
    assert request.to_bytes() == canonical.encode(request.to_document()) == data
    binding = request.binding(b"n" * 32)
    assert binding.to_bytes() == canonical.encode(binding.to_document())


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{" + b'"a":1,' * 100_000 + b"}",
        b"\xff",
        b'"\xed\xa0\x80"',
    ],
    ids=["lists", "objects", "members", "not-text", "surrogate"],
)
def test_hostile_texts_are_refused_before_they_are_built(data: bytes) -> None:
    code = refusal(protocol.ReleaseRequest.parse, data, limit_bytes=protocol.MAX_REQUEST_BYTES)
    assert code is ProtocolRefusal.MALFORMED


def test_sixteen_parts_and_signatures_fit_an_ordered_message() -> None:
    evidence = {f"p{n:02}": "" for n in range(15)} | {"tee": "snp"}
    signatures = [canonical.b64encode(b"bundle")] * 16
    members = request_members() | {"evidence": evidence, "signatures": signatures}
    protocol.ReleaseRequest.parse(canonical.encode(members))
