"""What a client reads: answers and descriptors."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from keybroker import protocol
from sealing import canonical
from sealing.signatures import dsse
from tests.fakes.silicon import NOW
from tests.fakes.world import capabilities
from tests.unit.sealing import makers
from tests.unit.sealing.makers import b64
from tests.vectors import release_world as w
from tests.vectors.folder import ACCEPTED
from tests.vectors.release_world import Ask, fixed
from tests.vectors.release_writer import (
    DESCRIPTOR,
    RESPONSE,
    Writer,
)


def _released(**changes: Any) -> dict[str, Any]:
    """A release document for the good request, as this broker would sign it."""
    binding = Ask().binding
    members = {
        "v": 1,
        "decision": "decision-0123456789abcdef",
        "manifest": binding.manifest,
        "module": "acme/solver",
        "version": 2,
        "owner": makers.OWNER.key_id,
        "policy": {"name": "prod", "version": 1, "digest": canonical.digest_of(b"policy")},
        "guardrails": [],
        "grant": capabilities(),
        "lease": {
            "id": "lease-0123456789abcdef",
            "expires": protocol.format_time(NOW + timedelta(minutes=15)),
            "renew_after": protocol.format_time(NOW + timedelta(minutes=10)),
        },
        "result": "e30.e30.c2ln",
        "leaf": b64(b"{}"),
        "request": binding.digest(),
        "simulated": True,
    }
    return members | changes


def _response(
    document: dict[str, Any],
    *,
    signer: Any = makers.IDENTITY,
    kind: str = protocol.RELEASE_TYPE,
    wrapped_for: dict[str, Any] | None = None,
) -> bytes:
    """The answer that carries `document`; the key may be wrapped for another one."""
    payload = canonical.encode(document)
    said = document if wrapped_for is None else wrapped_for
    info = protocol.release_info(
        canonical.encode(said),
        decision=str(said["decision"]),
        grant=canonical.digest_of(canonical.encode(said["grant"])),
        lease=str(said["lease"]["id"]),
        manifest=str(said["manifest"]),
    )
    wrapped = fixed(w.RUNNER).seal(b"content key", info=info)
    signed = dsse.sign(kind, payload, [signer]).decode()
    return canonical.encode({"release": signed, "wrapped_key": b64(wrapped)})


def responses(writer: Writer) -> None:
    """Section 5."""

    good = _response(_released())
    binding = Ask().binding
    given = {
        "identity": b64(makers.IDENTITY.public.spki),
        "manifest": binding.manifest,
        "request": binding.digest(),
        "runner_key": b64(w.RUNNER.to_bytes()),
    }

    def case(
        name: str, why: str, expect: str, stage: str, message: bytes, *, seconds: int = 0
    ) -> None:
        writer.case(RESPONSE, name, why, expect, stage, message, seconds=seconds, **given)

    form, signature, request = "form", "signature", "request"
    case("opened", "5: signed, for this request, in time", ACCEPTED, "open", good)
    share = {"set": "5e" * 16, "index": 1, "threshold": 2, "of": 3}
    shared = _response(_released(share=share))
    case("opened-share", "5: of a share of the key", ACCEPTED, "open", shared)
    case("not-json", "1.1: JSON", "message-malformed", form, b"release")
    case("spaced", "1.1: RFC 8785", "message-malformed", form, good.replace(b":", b": ", 1))
    case(
        "without-key",
        "5: both members",
        "message-malformed",
        form,
        canonical.encode({"release": json.loads(good)["release"]}),
    )
    case(
        "by-a-stranger",
        "5.1: the pinned broker",
        "broker-signature-invalid",
        signature,
        _response(_released(), signer=w.OPERATOR),
    )
    case(
        "of-another-type",
        "1.3: the payload type",
        "broker-signature-invalid",
        signature,
        _response(_released(), kind=protocol.BROKER_TYPE),
    )
    forged = good.replace(b'payload\\":\\"ey', b'payload\\":\\"eY', 1)
    case("forged", "5.1: the signature", "broker-signature-invalid", signature, forged)
    for name, changes in {
        "version-2": {"v": 2},
        "unknown-member": {"z": 1},
        "grant-no-object": {"grant": "all"},
        "lease-time": {"lease": _released()["lease"] | {"expires": "tomorrow"}},
        "share-null": {"share": None},
        "share-of-a-threshold-of-one": {"share": share | {"threshold": 1}},
        "share-index-zero": {"share": share | {"index": 0}},
        "share-of-seventeen": {"share": share | {"of": 17}},
        "share-without-set": {"share": {"index": 1, "threshold": 2, "of": 3}},
        "share-with-its-value": {"share": share | {"value": "00"}},
    }.items():
        document = _released() | changes
        message = _response(document, wrapped_for=_released())
        case(name, "5: every member has its form", "message-malformed", form, message)
    other = canonical.digest_of(b"other")
    for member in ("manifest", "request"):
        case(
            f"other-{member}",
            "5.2: for this request",
            "release-for-another-request",
            request,
            _response(_released(**{member: other})),
        )
    for name, seconds, expect in (
        ("last-second", 899, ACCEPTED),
        ("lease-ended", 900, "release-lease-expired"),
    ):
        case(
            name,
            "5.3: the lease",
            expect,
            "open" if expect == ACCEPTED else "lease",
            good,
            seconds=seconds,
        )
    for member, value in {
        "decision": "decision-other-000000",
        "grant": capabilities(args={"allow": True}),
        "simulated": False,
        "leaf": b64(b"[]"),
    }.items():
        case(
            f"wrapped-for-another-{member}",
            "5.4: bound to every byte",
            "seal-envelope-not-opened",
            "open",
            _response(_released(**{member: value}), wrapped_for=_released()),
        )


def descriptors(writer: Writer) -> None:
    """Section 2."""

    key = makers.BROKER.public
    members = {
        "v": 1,
        "identity": b64(makers.IDENTITY.public.spki),
        "sealing_keys": [{"id": key.key_id, "suite": key.suite, "public": b64(key.raw)}],
        "tees": ["snp"],
        "simulated": True,
        "log": {"origin": "broker.example/log", "key": "broker.example/log+00000000+AQ=="},
        "ear": {"jwk": {"kty": "EC"}},
        "issued": protocol.format_time(NOW),
    }

    def case(
        name: str, why: str, expect: str, signer: Any = makers.IDENTITY, **changes: Any
    ) -> None:
        message = dsse.sign(protocol.BROKER_TYPE, canonical.encode(members | changes), [signer])
        writer.case(DESCRIPTOR, name, why, expect, "descriptor", message, identity=w.IDENTITY)

    other = b64(w.OPERATOR.public.spki)
    malformed = "message-malformed"
    case("pinned", "2: the pinned broker", ACCEPTED)
    case(
        "another-broker",
        "2.1: the pinned id",
        "broker-identity-differs",
        w.OPERATOR,
        identity=other,
    )
    case("by-a-stranger", "2.2: signed by it", "broker-signature-invalid", w.OPERATOR)
    case(
        "key-with-another-id",
        "2.3: keys have their ids",
        malformed,
        sealing_keys=[members["sealing_keys"][0] | {"id": "0" * 64}],
    )
    case("no-keys", "2: at least one key", malformed, sealing_keys=[])
    case("identity-no-key", "2: a key", malformed, identity=b64(bytes(44)))
    case("version-2", "2: v is 1", malformed, v=2)
