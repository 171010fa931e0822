"""A key that several brokers share: enough of them release, fewer cannot, and who lies is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from keybroker.answers import AnswerWriter
from policies.load import parse_document
from policies.within import require_within
from runner.errors import RunnerCode, RunnerError
from runner.receipt import read_receipt
from sealing import canonical
from sealing.holders.recipients import Recipients
from sealing.keys import SigningKey
from sealing.oci.attachments import bundle_manifest
from sealing.oci.transfer import Attachment, attach
from sealing.signatures.bundle import sign_bundle
from sealing.signatures.key_statement import KeyPeriod
from sealing.signatures.owner_trust import ResolvedTrust, TrustedKey
from sealing.signatures.statement import PREDICATE_TYPE
from tests.fakes.split import SplitStory, make_split_story
from tests.fakes.story import CANARY, grant
from tests.fakes.world import release_policy

RELEASES = "/v1/releases"
ENVELOPES = "org.opencontainers.image.enc.keys.provider.sealwasm"


@pytest.fixture
def story(tmp_path: Path) -> Iterator[SplitStory]:
    with make_split_story(tmp_path) as made:
        yield made


def refused(story: SplitStory, code: RunnerCode) -> RunnerError:
    with pytest.raises(RunnerError) as caught:
        story.run()
    assert caught.value.code is code, caught.value
    assert not story.stdout
    return caught.value


def greeted(story: SplitStory) -> bool:
    return bytes(story.stdout) == f"{CANARY}\n".encode()


def shares_told(receipt: bytes | None) -> list[int]:
    assert receipt is not None
    return [release.share.index for release in read_receipt(receipt).releases() if release.share]


@pytest.mark.parametrize(("down", "used"), [(0, [2, 3]), (1, [1, 3]), (2, [1, 2]), (None, [1, 2])])
def test_two_of_three_are_enough(story: SplitStory, down: int | None, used: list[int]) -> None:
    story.split()
    if down is not None:
        story.down(down)
    report = story.run()
    assert greeted(story)
    assert report.exit_code == 7
    assert report.simulated
    assert shares_told(report.receipt) == used
    assert len(set(report.decisions)) == 2
    told = read_receipt(report.receipt or b"").predicate.releases
    assert all(one.proof for one in told)
    assert len({one.binding.nonce for one in told}) == 2


def test_no_more_brokers_are_asked_than_it_takes(story: SplitStory) -> None:
    story.split()
    story.run()
    assert story.doors[2].calls == []


def test_three_of_three(story: SplitStory) -> None:
    story.split(3)
    assert shares_told(story.run().receipt) == [1, 2, 3]


def test_two_brokers_down_are_both_named(story: SplitStory) -> None:
    story.split()
    story.down(0, 2)
    error = refused(story, RunnerCode.BROKERS_MISSING)
    assert "1 of 2 brokers released" in error.detail
    for number in (0, 2):
        assert f"https://broker-{number}.example: broker-unreachable" in error.detail
        assert story.worlds[number].identity in error.detail
    assert story.worlds[1].identity not in error.detail


def test_a_broker_that_denies_is_passed_over_and_named_if_it_is_missed(story: SplitStory) -> None:
    story.split()
    elsewhere = {"name": "else", "tee": "snp", "measurement": {"in": ["11" * 48]}}
    story.worlds[0].enrol_policy(release_policy(version=2, **{"any-of": [elsewhere]}))
    assert shares_told(story.run().receipt) == [2, 3]
    story.stdout.clear()
    story.down(1)
    error = refused(story, RunnerCode.BROKERS_MISSING)
    denied = f"https://broker-0.example ({story.worlds[0].identity}): denied-environment"
    assert denied in error.detail


def test_a_broker_that_nobody_named_is_named(story: SplitStory) -> None:
    story.split()
    story.use([story.door])
    error = refused(story, RunnerCode.BROKERS_MISSING)
    others = f"{story.worlds[1].identity}, {story.worlds[2].identity}"
    assert f"nothing was heard of {others}" in error.detail
    assert "--broker" in error.remedy


def test_one_broker_at_two_addresses_is_one(story: SplitStory) -> None:
    story.split()
    story.use([story.door, replace(story.door, url="https://again.example")])
    error = refused(story, RunnerCode.BROKERS_MISSING)
    assert "https://again.example" in error.detail
    assert "broker-repeated" in error.detail


def test_a_broker_the_owner_did_not_name_counts_for_nothing(story: SplitStory) -> None:
    named = replace(story.recipients(), brokers=story.recipients().brokers[:2])
    story.publish(recipients=named)
    story.use([story.doors[2], story.doors[0]])
    error = refused(story, RunnerCode.BROKERS_MISSING)
    assert "https://broker-2.example: broker-identity-differs" in error.detail


def test_whole_keys_for_several_brokers_need_one_of_them(story: SplitStory) -> None:
    story.split(1)
    story.down(0)
    report = story.run()
    assert greeted(story)
    assert shares_told(report.receipt) == []
    assert len(report.decisions) == 1
    story.down(1, 2)
    story.stdout.clear()
    error = refused(story, RunnerCode.BROKERS_MISSING)
    assert error.detail.count("broker-unreachable") == 3


def _says(data: bytes, world: Any, **members: Any) -> bytes:
    """What a broker that lies signs: another document around the same wrapped share."""
    from keybroker.protocol import RELEASE_TYPE
    from sealing.signatures import dsse

    answer = json.loads(data)
    envelope = json.loads(answer["release"])
    document = json.loads(canonical.b64decode(envelope["payload"], what="payload")) | members
    document = {name: value for name, value in document.items() if value != "absent"}
    identity = world.broker.releases.keys.identity
    signed = dsse.sign(RELEASE_TYPE, canonical.encode(document), [identity])
    return canonical.encode({**answer, "release": signed.decode()})


@pytest.mark.parametrize(
    "share",
    [
        "absent",
        {"set": "00" * 16, "index": 1, "threshold": 2, "of": 3},
        {"set": "00" * 16, "index": 1, "threshold": 2, "of": 2},
    ],
)
def test_a_release_of_another_share_than_was_sealed(story: SplitStory, share: Any) -> None:
    story.split()
    story.down(2)
    story.door.alter[RELEASES] = lambda data: _says(data, story.world, share=share)
    error = refused(story, RunnerCode.BROKERS_MISSING)
    assert f"({story.world.identity}): broker-not-genuine" in error.detail


@pytest.mark.parametrize("liar", [0, 1])
def test_brokers_that_disagree_on_what_is_simulated_run_nothing(
    story: SplitStory, monkeypatch: pytest.MonkeyPatch, liar: int
) -> None:
    """A run whose releases do not go together could have no receipt."""
    story.split()
    story.down(2)
    honest = AnswerWriter._document

    def lie(self: Any, *given: Any) -> Any:
        lies = self._keys.identity.key_id == story.worlds[liar].identity
        return honest(self, *given) | ({"simulated": False} if lies else {})

    monkeypatch.setattr(AnswerWriter, "_document", lie)
    error = refused(story, RunnerCode.BROKERS_MISSING)
    assert f"({story.worlds[1].identity}): broker-not-genuine" in error.detail


def test_the_grant_is_what_every_broker_allows(tmp_path: Path) -> None:
    def rail(name: str, spec: str) -> str:
        head = "apiVersion: sealwasm/v1\nkind: Guardrails\n"
        release = "release: {simulated-tee: allow}"
        return f"{head}metadata: {{name: {name}}}\nspec: {{{release}, grant: {{{spec}}}}}\n"

    rails = [
        [rail("a", "stdout: {max-bytes: 100}, limits: {memory: 32MiB}")],
        [rail("b", "stdout: {max-bytes: 200}, limits: {wall-clock: 5s}, clock: deny")],
    ]
    with make_split_story(tmp_path, guardrails=rails) as story:
        story.split(capabilities=grant(clock={"kind": "real"}))
        receipt = read_receipt(story.run().receipt or b"")
    first, second = (parse_document(release.grant) for release in receipt.releases())
    assert first.digest != second.digest
    expected = parse_document(
        grant(stdout={"max-bytes": 100}, limits={"memory": 32 << 20, "wall-clock": 5000})
    )
    for each in (first, second):
        require_within(expected, each)  # type: ignore[arg-type]
    assert receipt.predicate.grant == expected.digest


def test_the_lease_ends_with_the_earliest(story: SplitStory, monkeypatch: Any) -> None:
    from runner import run

    ends: list[Any] = []

    def supervise(*arguments: Any, lease_ends: Any) -> Any:
        ends.append(lease_ends - story.world.clock.now)
        return honest(*arguments, lease_ends=lease_ends)

    honest = run.supervise
    monkeypatch.setattr(run, "supervise", supervise)
    story.worlds[1].enrol_policy(release_policy(version=2, lease="1m"))
    story.split()
    story.run()
    assert [one.total_seconds() for one in ends] == [60]


# A hostile registry: every share in it is genuine, and they are not of one key.


def _mixed(story: SplitStory, into: Any, other: Any, at: int) -> None:
    manifest, donor = json.loads(into.manifest), json.loads(other.manifest)
    parts = manifest["layers"][0]["annotations"][ENVELOPES].split(",")
    parts[at] = donor["layers"][0]["annotations"][ENVELOPES].split(",")[at]
    manifest["layers"][0]["annotations"][ENVELOPES] = ",".join(parts)
    raw = canonical.encode(manifest)
    story.store.put_manifest(raw, tag="mixed")
    bundle = bundle_manifest(
        raw, into.bundle, predicate_type=PREDICATE_TYPE, created=into.statement.created
    )
    attach(story.store, Attachment(bundle, into.bundle))


def _of_another_version(story: SplitStory) -> Any:
    return story.split(tag="v2", version=2)


def _of_another_split(story: SplitStory) -> Any:
    return story.split(tag="again")


@pytest.mark.parametrize("make", [_of_another_version, _of_another_split])
@pytest.mark.parametrize("at", [0, 2])
def test_shares_that_are_not_of_one_key(story: SplitStory, make: Any, at: int) -> None:
    _mixed(story, story.split(), make(story), at)
    with pytest.raises(RunnerError) as caught:
        story.run(story.order("mixed"))
    assert caught.value.code is RunnerCode.ARTIFACT_REFUSED
    assert caught.value.reason == "seal-share-set"
    assert all(door.calls == [] for door in story.doors)


def test_shares_of_two_splits_of_one_key(story: SplitStory, monkeypatch: Any) -> None:
    """The same ciphertext split twice: contexts are equal, only the split tells them apart."""
    made: list[Any] = []
    honest = Recipients.seal

    def twice(self: Recipients, *given: Any, **named: Any) -> Any:
        made.extend(honest(self, *given, **named) for _ in range(2))
        return made[0]

    monkeypatch.setattr(Recipients, "seal", twice)
    sealed = story.split()
    manifest = json.loads(sealed.manifest)
    mixed = [made[0][0], made[0][1], made[1][2]]
    text = ",".join(canonical.b64encode(one.to_bytes()) for one in mixed)
    manifest["layers"][0]["annotations"][ENVELOPES] = text
    story.store.put_manifest(canonical.encode(manifest), tag="mixed")
    with pytest.raises(RunnerError) as caught:
        story.run(story.order("mixed"))
    assert caught.value.reason == "seal-share-set"


# Several owners.


def _co_sign(story: SplitStory, sealed: Any, owner: SigningKey) -> None:
    payload = canonical.b64decode(
        json.loads(sealed.bundle)["dsseEnvelope"]["payload"], what="payload"
    )
    bundle = sign_bundle(payload, owner)
    manifest = bundle_manifest(
        sealed.manifest, bundle, predicate_type=PREDICATE_TYPE, created=sealed.statement.created
    )
    attach(story.store, Attachment(manifest, bundle))


def test_as_many_owners_as_the_node_wants(story: SplitStory) -> None:
    sealed, second = story.split(), SigningKey.generate("p256")
    owners = (story.world.owner.public, second.public)
    order = story.order(owners=owners, owner_threshold=2)
    with pytest.raises(RunnerError) as caught:
        story.run(order)
    assert caught.value.reason == "seal-signature-missing"
    _co_sign(story, sealed, second)
    assert story.run(order).exit_code == 7


@pytest.mark.parametrize(
    ("names", "not_after", "reason"),
    [
        (("acme", "audit"), None, None),
        (("acme", "acme"), None, "seal-signature-missing"),
        (("acme", "audit"), timedelta(days=-1), "seal-key-expired"),
    ],
    ids=["two-owners", "one-owner-with-two-keys", "expired-when-it-signed"],
)
def test_whose_the_keys_are_and_until_when(story: SplitStory, names, not_after, reason) -> None:
    sealed, second = story.split(), SigningKey.generate("p256")
    _co_sign(story, sealed, second)
    end = None if not_after is None else sealed.statement.created + not_after
    keys = (story.world.owner.public, second.public)
    trusted = tuple(
        TrustedKey(name, KeyPeriod(key, not_after=end))
        for name, key in zip(names, keys, strict=True)
    )
    order = story.order(owners=keys, owner_threshold=2, trust=ResolvedTrust(trusted, 2))
    if reason is None:
        assert story.run(order).exit_code == 7
        return
    with pytest.raises(RunnerError) as caught:
        story.run(order)
    assert caught.value.reason == reason
