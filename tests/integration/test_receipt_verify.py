"""A receipt verified as somebody does who was not there: once as it is, and broken in each step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from attestation.ear_keys import key_id_of
from attestation.encoding import b64url_decode, b64url_encode
from attestation.endorsements import Endorsements
from attestation.jws import Es256Signer
from attestation.policy import EvidencePolicy
from attestation.trust import TrustAnchors
from keybroker.audit.checkpoint import Checkpoint, sign_checkpoint
from keybroker.audit.fields import PolicyReference
from keybroker.audit.leaf import OwnerEnrolledLeaf, ReleaseLeaf, encode_leaf, parse_leaf
from keybroker.audit.merkle import leaf_hash
from keybroker.audit.proof import format_proof
from keybroker.protocol import RELEASE_TYPE, Descriptor, verify_descriptor
from runner import closing
from runner.receipt import Receipt, raw_ed25519, sign_receipt
from sealing import canonical
from sealing.keys import SigningKey
from sealing.signatures import dsse
from sealwasm.evidence.receipt_check import verify_receipt
from sealwasm.evidence.receipt_findings import Findings, Trust
from sealwasm.failure import CliError
from tests.fakes.silicon import MEASUREMENT
from tests.fakes.story import Story, make_story

STEPS = [
    "receipt",
    "release",
    "log entry",
    "inclusion",
    "evidence",
    "attestation result",
    "brokers",
    "grant",
    "times",
]


@dataclass
class Signed:
    """A receipt, the key that signed it, and what its verifier trusts."""

    receipt: Receipt
    key: SigningKey
    trust: Trust

    def changed(self, *, key: SigningKey | None = None, **members: Any) -> bytes:
        """The same statement with other members, under a key: its own unless another is named."""
        statement = self.receipt.to_document()
        told = statement["predicate"]["releases"][0]
        told |= {name: members.pop(name) for name in told.keys() & members.keys()}
        statement["predicate"] |= members
        return dsse.sign(
            "application/vnd.in-toto+json", canonical.encode(statement), [key or self.key]
        )


def descriptor_of(story: Story) -> Descriptor:
    return verify_descriptor(story.world.broker.descriptor, identity=story.world.identity)


def run_and_keep(story: Story, monkeypatch: pytest.MonkeyPatch) -> Signed:
    kept: list[tuple[Receipt, SigningKey]] = []

    def sign(receipt: Receipt, key: SigningKey) -> bytes:
        kept.append((receipt, key))
        return sign_receipt(receipt, key)

    monkeypatch.setattr(closing, "sign_receipt", sign)
    story.run()
    platform = story.world.platform
    trust = Trust(
        descriptors=(descriptor_of(story),),
        anchors=TrustAnchors.vendor().with_simulated(platform.roots_pem()),
        endorsements=Endorsements.parse([platform.endorsements_pem()], [platform.crl()]),
        policy=EvidencePolicy(),
    )
    return Signed(*kept[0], trust)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with make_story(tmp_path_factory.mktemp("story")) as made:
        made.publish()
        yield made


@pytest.fixture(scope="module")
def signed(story: Story) -> Iterator[Signed]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield run_and_keep(story, monkeypatch)


def code_of(data: bytes, trust: Trust) -> str:
    with pytest.raises(CliError) as caught:
        verify_receipt(data, trust)
    assert caught.value.status == 4
    return caught.value.code


def test_everything_is_checked(story: Story, signed: Signed) -> None:
    owners, measurements = {story.world.owner.key_id}, {MEASUREMENT.hex()}
    trust = replace(signed.trust, owners=owners, measurements=measurements, brokers_needed=1)
    findings: Findings = verify_receipt(sign_receipt(signed.receipt, signed.key), trust)
    assert [check.name for check in findings.checks] == [
        *STEPS,
        "brokers needed",
        "owner",
        "measurement",
    ]
    assert all(check.state == "ok" for check in findings.checks)
    assert findings.releases[0].verified_claims().simulated


def test_what_nobody_asked_for_is_not_called_ok(signed: Signed) -> None:
    findings = verify_receipt(signed.changed(), signed.trust)
    assert [check.name for check in findings.checks if check.state != "ok"] == [
        "brokers needed",
        "owner",
        "measurement",
    ]
    cut = signed.changed(guardrails=["sha256:" + "00" * 32], grant="sha256:" + "11" * 32)
    shown = {check.name: check.shown for check in verify_receipt(cut, signed.trust).checks}
    assert shown["grant"] == "cut by 1 guardrails of the node, as the runner says"


def test_a_key_that_no_evidence_vouches_for(signed: Signed) -> None:
    """Signed by somebody else; and by somebody who put the own key into the binding as well."""
    own = SigningKey.generate("ed25519")
    assert code_of(signed.changed(key=own), signed.trust) == "receipt-signature-invalid"
    binding = signed.receipt.to_document()["predicate"]["releases"][0]["binding"]
    binding["receipt_key"] = canonical.b64encode(raw_ed25519(own.public))
    forged = signed.changed(key=own, binding=binding)
    assert code_of(forged, signed.trust) == "receipt-release-differs"


def test_simulated_silicon_needs_its_name(signed: Signed) -> None:
    data = signed.changed()
    unnamed = replace(signed.trust, anchors=TrustAnchors.vendor())
    assert code_of(data, unnamed) == "simulated-not-trusted"
    assert code_of(signed.changed(simulated=False), signed.trust) == "receipt-simulated-differs"


def other_lease(release: dict[str, Any]) -> dict[str, Any]:
    return release | {"lease": release["lease"] | {"id": "lease-of-another-release"}}


def resigned(story: Story, signed: Signed, change: Callable[[Any], Any]) -> bytes:
    """What a broker that lies would sign: another document than its log says."""
    envelope = json.loads(signed.receipt.predicate.releases[0].release)
    document = json.loads(canonical.b64decode(envelope["payload"], what="payload"))
    identity = story.world.broker.releases.keys.identity
    release = dsse.sign(RELEASE_TYPE, canonical.encode(change(document)), [identity])
    return signed.changed(release=release.decode())


BROKEN: dict[str, Callable[[Story, Signed], tuple[bytes, Trust]]] = {
    "receipt-malformed": lambda _, signed: (signed.changed()[:-1], signed.trust),
    "receipt-leaf": lambda story, signed: (resigned(story, signed, other_lease), signed.trust),
    "receipt-grant": lambda _, signed: (
        signed.changed(grant="sha256:" + "00" * 32),
        signed.trust,
    ),
    "receipt-times-impossible": lambda _, signed: (
        signed.changed(started="2026-11-22T11:54:59Z"),
        signed.trust,
    ),
    "receipt-proof-missing": lambda _, signed: (signed.changed(proof=None), signed.trust),
    "audit-proof-malformed": lambda _, signed: (signed.changed(proof="no proof"), signed.trust),
    "audit-not-included": lambda story, signed: (
        signed.changed(proof=story.world.broker.log.leaf_proof(0).decode()),
        signed.trust,
    ),
    "no-endorsement": lambda _, signed: (
        signed.changed(),
        replace(signed.trust, endorsements=Endorsements.parse([], [])),
    ),
    "receipt-owner": lambda _, signed: (
        signed.changed(),
        replace(signed.trust, owners=frozenset({"00" * 32})),
    ),
    "receipt-measurement": lambda _, signed: (
        signed.changed(),
        replace(signed.trust, measurements=frozenset({"00" * 48})),
    ),
}


@pytest.mark.parametrize("code", BROKEN)
def test_every_broken_step_is_named(story: Story, signed: Signed, code: str) -> None:
    data, trust = BROKEN[code](story, signed)
    assert code_of(data, trust) == code


@pytest.mark.parametrize(
    ("started", "finished", "accepted"),
    [
        ("2026-11-22T11:55:00Z", "2026-11-22T12:20:00Z", True),
        ("2026-11-22T12:00:00Z", "2026-11-22T12:20:01Z", False),
        ("2001-01-01T00:00:00Z", "2001-01-01T00:00:01Z", False),
    ],
)
def test_a_run_lies_within_its_lease(
    signed: Signed, started: str, finished: str, accepted: bool
) -> None:
    data = signed.changed(started=started, finished=finished)
    if accepted:
        verify_receipt(data, signed.trust)
    else:
        assert code_of(data, signed.trust) == "receipt-times-impossible"


def lying(story: Story, signed: Signed, document: dict[str, Any], leaf: bytes) -> bytes:
    """What a broker signs and logs that is of one mind about another story: a log of one entry."""
    keys = story.world.broker.releases.keys
    document["leaf"] = canonical.b64encode(leaf)
    head = Checkpoint("broker.example/log", 1, leaf_hash(leaf))
    proof = format_proof(0, [], sign_checkpoint(head, keys.checkpoint))
    release = dsse.sign(RELEASE_TYPE, canonical.encode(document), [keys.identity])
    return signed.changed(release=release.decode(), proof=proof.decode())


def released(signed: Signed) -> tuple[dict[str, Any], ReleaseLeaf]:
    envelope = json.loads(signed.receipt.predicate.releases[0].release)
    document = json.loads(canonical.b64decode(envelope["payload"], what="payload"))
    leaf = parse_leaf(signed.receipt.releases()[0].leaf)
    assert isinstance(leaf, ReleaseLeaf)
    return document, leaf


OTHER = {
    "id": "decision-of-another-run",
    "owner": "00" * 32,
    "module": "acme/other",
    "version": 99,
    "policy": PolicyReference("prod", 9, "sha256:" + "00" * 32),
    "guardrails": ("sha256:" + "00" * 32,),
    "tee": "tdx",
    "simulated": False,
    "evidence": "sha256:" + "00" * 32,
    "manifest": "sha256:" + "00" * 32,
    "request": "sha256:" + "00" * 32,
    "grant": "sha256:" + "00" * 32,
    "runner_key": "00" * 32,
    "lease": "lease-of-another-run",
    "lease_expires": datetime(2026, 11, 22, 12, 1, tzinfo=UTC),
}


@pytest.mark.parametrize("name", [one.name for one in fields(ReleaseLeaf) if one.name != "at"])
def test_the_log_entry_says_what_the_receipt_says(story: Story, signed: Signed, name: str) -> None:
    """Every field of it: an auditor of the log sees nothing but the entry."""
    document, leaf = released(signed)
    forged = encode_leaf(replace(leaf, **{name: OTHER[name]}))
    assert code_of(lying(story, signed, document, forged), signed.trust) == "receipt-leaf"


def not_simulated(payload: dict[str, Any]) -> None:
    submod = payload["submods"]["snp"]
    submod["ear.sealwasm.simulated"] = False
    submod["ear.sealwasm.verified-claims"]["simulated"] = False


def not_marked(payload: dict[str, Any]) -> None:
    del payload["submods"]["snp"]["ear.sealwasm.simulated"]


def other_measurement(payload: dict[str, Any]) -> None:
    payload["submods"]["snp"]["ear.sealwasm.verified-claims"]["measurement"] = "00" * 48


def no_claims(payload: dict[str, Any]) -> None:
    del payload["submods"]["snp"]["ear.sealwasm.verified-claims"]


def other_tee(payload: dict[str, Any]) -> None:
    payload["submods"]["tdx"] = payload["submods"].pop("snp")


def two_tees(payload: dict[str, Any]) -> None:
    payload["submods"]["tdx"] = payload["submods"]["snp"]


def contraindicated(payload: dict[str, Any]) -> None:
    payload["submods"]["snp"]["ear.status"] = "contraindicated"


def of_another_request(payload: dict[str, Any]) -> None:
    payload["eat_nonce"] = b64url_encode(bytes(32))


def by_another_broker(payload: dict[str, Any]) -> None:
    payload["iss"] = "urn:sealwasm:broker:" + "0" * 64


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (not_simulated, "receipt-result"),
        (not_marked, "receipt-result"),
        (other_measurement, "receipt-result"),
        (no_claims, "receipt-result"),
        (other_tee, "receipt-result"),
        (two_tees, "receipt-result"),
        (contraindicated, "receipt-result"),
        (of_another_request, "nonce-mismatch"),
        (by_another_broker, "issuer-mismatch"),
    ],
)
def test_the_attestation_result_is_about_this_evidence(
    story: Story, signed: Signed, change: Callable[[dict[str, Any]], None], code: str
) -> None:
    document, leaf = released(signed)
    payload = json.loads(b64url_decode(document["result"].split(".")[1], what="payload"))
    change(payload)
    key = story.world.broker.releases.keys.ear_private_key()
    document["result"] = Es256Signer(key, key_id_of(key.public_key())).sign(payload)
    data = lying(story, signed, document, encode_leaf(leaf))
    assert code_of(data, signed.trust) == code


def test_an_entry_that_is_no_release(story: Story, signed: Signed) -> None:
    document, leaf = released(signed)
    other = OwnerEnrolledLeaf(leaf.id, leaf.at, leaf.owner, "acme", leaf.manifest)
    data = lying(story, signed, document, encode_leaf(other))
    assert code_of(data, signed.trust) == "receipt-leaf"


def test_a_descriptor_without_the_key_of_results(signed: Signed) -> None:
    bare = signed.trust.descriptors[0].model_copy(update={"ear": {}})
    trust = replace(signed.trust, descriptors=(bare,))
    assert code_of(signed.changed(), trust) == "bad-trust-anchor"


def test_another_broker_another_log_another_key(
    signed: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the three keys in a descriptor is what a step rests on."""
    with make_story(tmp_path) as other:
        theirs = descriptor_of(other)
    ours = signed.trust.descriptors[0]
    for member, code in (
        ("identity", "seal-signer-unknown"),
        ("log", "audit-checkpoint-unsigned"),
        ("ear", "unknown-signing-key"),
    ):
        mixed = ours.model_copy(update={member: getattr(theirs, member)})
        assert code_of(signed.changed(), replace(signed.trust, descriptors=(mixed,))) == code
