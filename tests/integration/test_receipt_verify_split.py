"""A receipt of a split key: every release in it is verified, and together they are one run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from attestation.endorsements import Endorsements
from attestation.policy import EvidencePolicy
from attestation.trust import TrustAnchors
from keybroker.audit.checkpoint import Checkpoint, sign_checkpoint
from keybroker.audit.leaf import ReleaseLeaf, encode_leaf, parse_leaf
from keybroker.audit.merkle import leaf_hash
from keybroker.audit.proof import format_proof
from keybroker.protocol import RELEASE_TYPE, verify_descriptor
from runner import closing
from runner.receipt import Receipt, sign_receipt
from sealing import canonical
from sealing.keys import SigningKey
from sealing.signatures import dsse
from sealwasm.evidence.receipt_check import _check_brokers, _check_measurement, verify_receipt
from sealwasm.evidence.receipt_findings import Trust
from sealwasm.failure import CliError
from tests.fakes.silicon import MEASUREMENT
from tests.fakes.split import SplitStory, make_split_story
from tests.fakes.story import grant

PER_RELEASE = ("release", "log entry", "inclusion", "evidence", "attestation result")


class Split:
    """A run of a key that two of three brokers released, and what its verifier brings."""

    def __init__(self, story: SplitStory, receipt: Receipt, key: SigningKey) -> None:
        self.story, self.receipt, self.key = story, receipt, key
        platform = story.world.platform
        self.trust = Trust(
            descriptors=tuple(
                verify_descriptor(world.broker.descriptor, identity=world.identity)
                for world in story.worlds
            ),
            anchors=TrustAnchors.vendor().with_simulated(platform.roots_pem()),
            endorsements=Endorsements.parse([platform.endorsements_pem()], [platform.crl()]),
            policy=EvidencePolicy(),
        )

    def document(self) -> dict[str, Any]:
        return self.receipt.to_document()

    def signed(self, document: dict[str, Any]) -> bytes:
        return dsse.sign("application/vnd.in-toto+json", canonical.encode(document), [self.key])

    def refused(self, document: dict[str, Any], **trust: Any) -> str:
        with pytest.raises(CliError) as caught:
            verify_receipt(self.signed(document), replace(self.trust, **trust))
        return caught.value.code

    def retold(self, told: dict[str, Any], number: int, leaf: Any = (), **members: Any) -> None:
        """Make a release what broker `number` would sign and log that lies about `members`."""
        keys = self.story.worlds[number].broker.releases.keys
        envelope = json.loads(told["release"])
        document = json.loads(canonical.b64decode(envelope["payload"], what="payload")) | members
        document = {name: value for name, value in document.items() if value is not None}
        entry = parse_leaf(canonical.b64decode(document["leaf"], what="leaf"))
        assert isinstance(entry, ReleaseLeaf)
        data = encode_leaf(replace(entry, **dict(leaf)))
        document["leaf"] = canonical.b64encode(data)
        head = Checkpoint("broker.example/log", 1, leaf_hash(data))
        told["proof"] = format_proof(0, [], sign_checkpoint(head, keys.checkpoint)).decode()
        signed = dsse.sign(RELEASE_TYPE, canonical.encode(document), [keys.identity])
        told["release"] = signed.decode()


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Split]:
    kept: list[tuple[Receipt, SigningKey]] = []

    def sign(receipt: Receipt, key: SigningKey) -> bytes:
        kept.append((receipt, key))
        return sign_receipt(receipt, key)

    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        make_split_story(tmp_path_factory.mktemp("split")) as story,
    ):
        monkeypatch.setattr(closing, "sign_receipt", sign)
        story.split()
        story.run()
        yield Split(story, *kept[0])


def test_every_release_is_checked(split: Split) -> None:
    trust = replace(
        split.trust,
        owners=frozenset({split.story.world.owner.key_id}),
        measurements=frozenset({MEASUREMENT.hex()}),
        brokers_needed=2,
    )
    findings = verify_receipt(split.signed(split.document()), trust)
    names = [check.name for check in findings.checks]
    each = [f"{name} {number}" for number in (1, 2) for name in PER_RELEASE]
    together = ["brokers", "grant", "times", "brokers needed", "owner", "measurement"]
    assert names == ["receipt", *each, *together]
    assert all(check.state == "ok" for check in findings.checks)
    shown = {check.name: check.shown for check in findings.checks}
    assert shown["brokers"] == "2 of 3 that share the key"
    assert shown["grant"] == "what all the brokers released"
    assert shown["release 2"].endswith(f"{split.story.worlds[1].identity}, share 2 of 3")
    assert findings.measurement == MEASUREMENT.hex()


def test_the_order_of_descriptors_does_not_matter(split: Split) -> None:
    trust = replace(split.trust, descriptors=split.trust.descriptors[::-1])
    assert verify_receipt(split.signed(split.document()), trust).releases[1].descriptor


@pytest.mark.parametrize("kept", [[0], [1], [0, 2], [2]])
def test_a_broker_that_the_verifier_does_not_know(split: Split, kept: list[int]) -> None:
    descriptors = tuple(split.trust.descriptors[number] for number in kept)
    code = split.refused(split.document(), descriptors=descriptors)
    assert code == "seal-signer-unknown"


def test_one_broker_that_calls_its_share_the_whole_key(split: Split) -> None:
    """Its own word is all a receipt has; who knows what the owner wanted says so."""
    document = split.document()
    told = document["predicate"]["releases"] = document["predicate"]["releases"][:1]
    split.retold(told[0], 0, share=None)
    shown = verify_receipt(split.signed(document), split.trust).checks
    assert ("brokers needed", "1, by their own word; --brokers-needed", "-") in shown
    assert split.refused(document, brokers_needed=2) == "receipt-release-differs"


def test_a_release_signed_by_two_brokers_is_none(split: Split) -> None:
    document = split.document()
    told = document["predicate"]["releases"][0]
    payload = json.loads(told["release"])["payload"]
    keys = [world.broker.releases.keys.identity for world in split.story.worlds[:2]]
    told["release"] = dsse.sign(RELEASE_TYPE, canonical.b64decode(payload, what=""), keys).decode()
    assert split.refused(document) == "receipt-release-differs"


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"proof": None}, "receipt-proof-missing"),
        ({"proof": "no proof"}, "audit-proof-malformed"),
    ],
)
def test_no_release_goes_unverified(
    split: Split, number: int, members: dict[str, Any], code: str
) -> None:
    document = split.document()
    document["predicate"]["releases"][number] |= members
    assert split.refused(document) == code


def test_evidence_of_one_request_does_not_do_for_the_other(split: Split) -> None:
    document = split.document()
    first, second = document["predicate"]["releases"]
    second["evidence"] = first["evidence"]
    assert split.refused(document) == "receipt-leaf"


def test_one_broker_that_plays_two(split: Split) -> None:
    """It signs and logs a release of its own for the second request as well, of another share."""
    document = split.document()
    split.retold(document["predicate"]["releases"][1], 0)
    # The attestation result is still the other broker's, and that is found first.
    assert split.refused(document) == "unknown-signing-key"
    findings = verify_receipt(split.signed(split.document()), split.trust)
    first, second = findings.releases
    findings.releases = (first, replace(second, descriptor=first.descriptor))
    with pytest.raises(CliError) as caught:
        _check_brokers(findings)
    assert caught.value.code == "receipt-release-differs"


def test_a_grant_wider_than_one_of_the_released(split: Split) -> None:
    """One broker granted less than the other; the run says it was under the wider grant."""
    document = split.document()
    less = grant(stdout={"max-bytes": 7})
    digest = canonical.digest_of(canonical.encode(less))
    told = document["predicate"]["releases"][1]
    split.retold(told, 1, leaf={"grant": digest}.items(), grant=less)
    assert split.refused(document) == "receipt-grant"
    document["predicate"]["grant"] = digest
    assert verify_receipt(split.signed(document), split.trust)
    document["predicate"]["guardrails"] = [digest]
    shown = verify_receipt(split.signed(document), split.trust).checks
    assert any("cut by 1 guardrails" in check.shown for check in shown)


def test_grants_that_nothing_lies_inside_of(split: Split) -> None:
    document = split.document()
    other = grant(stdout={"max-bytes": 4096, "on-quota": "enospc"})
    digest = canonical.digest_of(canonical.encode(other))
    told = document["predicate"]["releases"][1]
    split.retold(told, 1, leaf={"grant": digest}.items(), grant=other)
    assert split.refused(document) == "receipt-grant"


def test_two_measurements(split: Split) -> None:
    findings = verify_receipt(split.signed(split.document()), split.trust)
    claims = findings.releases[1].verified_claims()
    other = replace(claims, measurement=b"\x11" * 48)
    findings.releases = (findings.releases[0], replace(findings.releases[1], claims=other))
    with pytest.raises(CliError) as caught:
        _check_measurement(findings, split.trust)
    assert caught.value.code == "receipt-measurement"


def test_nothing_is_said_of_what_was_not_verified(split: Split) -> None:
    findings = verify_receipt(split.signed(split.document()), split.trust)
    bare = replace(findings.releases[0], descriptor=None, claims=None)
    for ask, code in (
        (bare.broker, "receipt-release"),
        (bare.verified_claims, "receipt-evidence"),
    ):
        with pytest.raises(CliError) as caught:
            ask()
        assert caught.value.code == code
