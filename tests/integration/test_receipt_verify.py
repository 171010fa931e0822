"""A receipt verified as somebody does who was not there: once as it is, and broken in each step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from attestation.endorsements import Endorsements
from attestation.policy import CrlPolicy
from attestation.trust import TrustAnchors
from keybroker.protocol import RELEASE_TYPE, Descriptor, verify_descriptor
from runner import closing
from runner.receipt import Receipt, raw_ed25519, sign_receipt
from sealing import canonical, dsse
from sealing.keys import SigningKey
from sealwasm.failure import CliError
from sealwasm.receipt_check import Findings, Trust, verify_receipt
from tests.fakes.silicon import MEASUREMENT
from tests.fakes.story import Story, make_story

STEPS = ["receipt", "release", "log entry", "inclusion", "evidence", "attestation result"]


@dataclass
class Signed:
    """A receipt, the key that signed it, and what its verifier trusts."""

    receipt: Receipt
    key: SigningKey
    trust: Trust

    def changed(self, *, key: SigningKey | None = None, **members: Any) -> bytes:
        """The same statement with other members, under a key: its own unless another is named."""
        statement = self.receipt.to_document()
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
        descriptor=descriptor_of(story),
        anchors=TrustAnchors.vendor().with_simulated(platform.roots_pem()),
        endorsements=Endorsements.parse([platform.endorsements_pem()], [platform.crl()]),
        crl=CrlPolicy.REQUIRED,
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
    trust = replace(signed.trust, owners=owners, measurements=measurements)
    findings: Findings = verify_receipt(sign_receipt(signed.receipt, signed.key), trust)
    assert [check.name for check in findings.checks] == [*STEPS, "expectations"]
    assert findings.claims is not None
    assert findings.claims.simulated
    assert findings.checks[-1].shown == "as expected: owner, measurement"


def test_a_key_that_no_evidence_vouches_for(signed: Signed) -> None:
    """Signed by somebody else; and by somebody who put the own key into the binding as well."""
    own = SigningKey.generate("ed25519")
    assert code_of(signed.changed(key=own), signed.trust) == "receipt-signature-invalid"
    binding = signed.receipt.to_document()["predicate"]["binding"]
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
    envelope = json.loads(signed.receipt.predicate.release)
    document = json.loads(canonical.b64decode(envelope["payload"], what="payload"))
    identity = story.world.broker.releases.keys.identity
    release = dsse.sign(RELEASE_TYPE, canonical.encode(change(document)), [identity])
    return signed.changed(release=release.decode())


BROKEN: dict[str, Callable[[Story, Signed], tuple[bytes, Trust]]] = {
    "receipt-malformed": lambda _, signed: (signed.changed()[:-1], signed.trust),
    "receipt-leaf": lambda story, signed: (resigned(story, signed, other_lease), signed.trust),
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


def test_another_broker_another_log_another_key(
    signed: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the three keys in a descriptor is what a step rests on."""
    with make_story(tmp_path) as other:
        theirs = descriptor_of(other)
    ours = signed.trust.descriptor
    for member, code in (
        ("identity", "seal-signer-unknown"),
        ("log", "audit-checkpoint-unsigned"),
        ("ear", "unknown-signing-key"),
    ):
        mixed = ours.model_copy(update={member: getattr(theirs, member)})
        assert code_of(signed.changed(), replace(signed.trust, descriptor=mixed)) == code
