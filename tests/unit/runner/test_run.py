"""The whole story in one process: once as it should be, and once for each way it can go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from attestation.simulated.snp.guest import SimulatedGuest
from keybroker.protocol import RELEASE_TYPE
from policies.load import parse_document
from runner.ending import Ending
from runner.errors import RunnerCode, RunnerError
from runner.inputs import Offer
from runner.order import Report, Terms
from runner.receipt import read_receipt
from runner.run import run_unsealed
from runner.worker import limits
from sealing import canonical
from sealing.keys import SigningKey
from sealing.oci.attachments import bundle_manifest
from sealing.oci.blob import Blob
from sealing.oci.transfer import Attachment, attach
from sealing.signatures import dsse
from sealing.signatures.bundle import sign_bundle
from sealing.signatures.statement import PREDICATE_TYPE
from tests.fakes.story import CANARY, HELLO, IMPORTS, LOOP, Story, grant, make_story

RELEASES = "/v1/releases"


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    with make_story(tmp_path) as made:
        yield made


def guardrails(**spec: Any) -> Any:
    document = {
        "apiVersion": "sealwasm/v1",
        "kind": "Guardrails",
        "metadata": {"name": "node"},
        "spec": {"grant": spec},
    }
    return parse_document(document)


def refused(story: Story, code: RunnerCode, **arguments: Any) -> RunnerError:
    with pytest.raises(RunnerError) as caught:
        story.run(**arguments)
    assert caught.value.code is code, caught.value
    assert not story.stdout
    return caught.value


def test_a_sealed_module_runs_and_its_receipt_says_so(story: Story) -> None:
    sealed = story.publish()
    report = story.run()
    assert bytes(story.stdout) == f"{CANARY}\n".encode()
    assert report.exit_code == 7
    assert report.simulated
    assert report.failure is None

    assert report.receipt is not None
    receipt = read_receipt(report.receipt)
    told = receipt.predicate
    assert receipt.subject[0].name == "acme/solver"
    assert told.releases[0].binding.manifest == canonical.digest_of(sealed.manifest)
    assert (told.result.ending, told.result.exit_code) == (Ending.EXIT, 7)
    assert told.outputs.stdout.digest == canonical.digest_of(bytes(story.stdout))
    (release,) = receipt.releases()
    assert told.grant == parse_document(release.grant).digest
    assert (release.decision,) == report.decisions
    assert told.usage["stdout-bytes"] == len(story.stdout)
    assert told.releases[0].proof is not None
    assert CANARY.encode() not in report.receipt


def test_the_steps_come_in_their_order(story: Story) -> None:
    story.publish()
    report = story.run()
    expected = ["/v1/broker", "/v1/challenges", RELEASES, f"/v1/audit/proofs/{report.decisions[0]}"]
    assert story.door.calls == expected
    steps = ["pull", "worker", "attest", "release", "run", "receipt"]
    assert list(report.milliseconds) == [*steps, "compile", "lock-down", "open"]


def test_a_receipt_can_do_without_a_proof(story: Story) -> None:
    story.publish()

    def last_answer(data: bytes) -> bytes:
        story.door.everything_is_broken = True
        return data

    story.door.alter[RELEASES] = last_answer
    receipt = story.run().receipt
    assert receipt is not None
    assert read_receipt(receipt).predicate.releases[0].proof is None


def test_the_node_may_allow_less_than_the_broker(story: Story) -> None:
    story.publish()
    terms = Terms((guardrails(stdout={"max-bytes": 4}),))
    report = story.run(terms=terms)
    assert report.ended.ending is Ending.OUTPUT
    assert bytes(story.stdout) == CANARY[:4].encode()
    assert report.exit_code == 132
    assert report.receipt is not None
    told = read_receipt(report.receipt).predicate
    assert told.guardrails == (terms.guardrails[0].digest,)
    assert told.result.exit_code is None


def test_what_others_attached_does_not_matter(story: Story) -> None:
    sealed = story.publish()
    for bundle in (b"nothing we know", sign_bundle(b"{}", SigningKey.generate("p256"))):
        created = sealed.statement.created
        manifest = bundle_manifest(
            sealed.manifest, bundle, predicate_type=PREDICATE_TYPE, created=created
        )
        attach(story.store, Attachment(manifest, bundle))
    assert story.run().exit_code == 7


# Refused before anybody is asked for a key.


def test_another_owner(story: Story) -> None:
    story.publish(owner=SigningKey.generate("p256"))
    error = refused(story, RunnerCode.ARTIFACT_REFUSED)
    assert error.reason == "seal-signer-unknown"
    assert story.door.calls == []


def test_a_layer_in_plaintext(story: Story) -> None:
    sealed = story.publish()
    manifest = json.loads(sealed.manifest)
    layer = Blob.of(HELLO)
    story.store.put_blob(layer)
    manifest["layers"] = [
        {"mediaType": "application/wasm", "digest": layer.digest, "size": layer.size}
    ]
    story.store.put_manifest(canonical.encode(manifest), tag="plain")
    error = refused(story, RunnerCode.ARTIFACT_REFUSED, order=story.order("plain"))
    assert error.reason == "seal-not-sealed"
    assert story.door.calls == []


def test_nothing_under_that_name(story: Story) -> None:
    error = refused(story, RunnerCode.ARTIFACT_REFUSED, order=story.order("v2"))
    assert error.reason == "seal-not-found"


def test_an_import_the_policy_does_not_name(story: Story) -> None:
    story.publish(capabilities=grant(imports=IMPORTS[:1]))
    error = refused(story, RunnerCode.IMPORT_NOT_GRANTED)
    assert "wasi_snapshot_preview1.proc_exit" in error.remedy
    assert story.door.calls == []


def test_an_import_the_node_denies(story: Story) -> None:
    story.publish()
    terms = Terms((guardrails(imports={"deny": IMPORTS[:1]}),))
    refused(story, RunnerCode.GRANT_DENIED, terms=terms)
    assert story.door.calls == []


def test_a_folder_nobody_granted(story: Story, tmp_path: Path) -> None:
    story.publish()
    offer = Offer(folders={"/data": tmp_path})
    error = refused(story, RunnerCode.INPUT_NOT_GRANTED, offer=offer)
    assert "path: /data" in error.remedy
    assert story.door.calls == []


# Refused by the broker.

GUESTS: list[tuple[Callable[[SimulatedGuest], SimulatedGuest], str]] = [
    (SimulatedGuest.debug, "debug-enabled"),
    (SimulatedGuest.signed_by_stranger, "untrusted-chain"),
    (SimulatedGuest.replayed_nonce, "report-data-mismatch"),
]


@pytest.mark.parametrize(("spoil", "reason"), GUESTS)
def test_evidence_that_is_refused(story: Story, spoil: Any, reason: str) -> None:
    story.publish()
    error = refused(story, RunnerCode.EVIDENCE_REFUSED, attester=spoil(story.world.guest()))
    assert error.reason == reason
    assert "decision" in error.detail


def test_a_changed_runner_is_denied(story: Story) -> None:
    story.publish()
    error = refused(story, RunnerCode.RELEASE_DENIED, attester=story.world.guest(bytes(48)))
    assert error.reason == "denied-environment"


def test_nobody_at_the_door(story: Story) -> None:
    story.publish()
    story.door.broken = {RELEASES}
    refused(story, RunnerCode.BROKER_UNREACHABLE)


# Refused because the broker is not the one that the owner named, or its answer is not genuine.


def test_another_broker(story: Story, tmp_path: Path) -> None:
    story.publish()
    with make_story(tmp_path / "other") as other:
        story.door = other.door
        error = refused(story, RunnerCode.BROKER_NOT_GENUINE)
    assert error.reason == "broker-identity-differs"


def test_an_answer_to_another_request(story: Story) -> None:
    story.publish()
    answers: list[bytes] = []
    story.door.alter[RELEASES] = lambda data: answers.append(data) or answers[0]
    story.run()
    story.stdout.clear()
    error = refused(story, RunnerCode.BROKER_NOT_GENUINE)
    assert error.reason == "release-for-another-request"


def _flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("share", [n / 12 for n in range(12)])
def test_a_flipped_bit_anywhere_in_the_answer(story: Story, share: float) -> None:
    story.publish()
    story.door.alter[RELEASES] = lambda data: _flip(data, int(len(data) * 8 * share))
    with pytest.raises(RunnerError) as caught:
        story.run()
    assert caught.value.code in {RunnerCode.BROKER_NOT_GENUINE, RunnerCode.KEY_NOT_OPENED}
    assert not story.stdout


def test_a_key_wrapped_for_another_release(story: Story) -> None:
    story.publish()
    story.door.alter[RELEASES] = lambda data: _change(story, data, lease_seconds=True)
    refused(story, RunnerCode.KEY_NOT_OPENED)


def _change(story: Story, data: bytes, *, lease_seconds: bool = False, **members: Any) -> bytes:
    """What a broker that lies signs: another document around the same wrapped key."""
    answer = json.loads(data)
    envelope = json.loads(answer["release"])
    document = json.loads(canonical.b64decode(envelope["payload"], what="payload"))
    if lease_seconds:
        document["lease"]["renew_after"] = "2026-11-22T12:10:01Z"
    document.update(members)
    identity = story.world.broker.releases.keys.identity
    signed = dsse.sign(RELEASE_TYPE, canonical.encode(document), [identity])
    return canonical.encode({**answer, "release": signed.decode()})


@pytest.mark.parametrize(
    "members",
    [
        {"module": "acme/other"},
        {"version": 2},
        {"owner": "00" * 32},
        {"grant": grant(stdout={"max-bytes": 4097})},
        {"grant": grant(imports=[*IMPORTS, "wasi_snapshot_preview1.fd_read"])},
    ],
)
def test_a_release_for_more_than_the_owner_signed(story: Story, members: dict[str, Any]) -> None:
    story.publish()
    story.door.alter[RELEASES] = lambda data: _change(story, data, **members)
    refused(story, RunnerCode.BROKER_NOT_GENUINE)


def test_a_grant_that_is_no_grant(story: Story) -> None:
    story.publish()
    story.door.alter[RELEASES] = lambda data: _change(story, data, grant={"kind": "x"})
    refused(story, RunnerCode.GRANT_INVALID)


def test_a_release_that_came_too_late(story: Story) -> None:
    story.publish()

    def late(data: bytes) -> bytes:
        story.world.clock.advance(hours=1)
        return data

    story.door.alter[RELEASES] = late
    refused(story, RunnerCode.LEASE_EXPIRED)


# Stopped while it runs.


def looping(story: Story, **spec: Any) -> Report:
    story.publish(LOOP, capabilities=grant(**spec))
    return story.run()


def test_a_loop_ends_at_its_fuel(story: Story) -> None:
    report = looping(story, limits={"fuel": 100_000})
    assert report.ended.ending is Ending.OUT_OF_FUEL
    assert report.exit_code == 129


def test_a_loop_ends_at_its_time(story: Story) -> None:
    report = looping(story, limits={"fuel": 10**12, "wall-clock": "50ms"})
    assert report.ended.ending is Ending.WALL_CLOCK
    assert report.exit_code == 130


def test_folders_go_in_and_come_back(story: Story, tmp_path: Path, monkeypatch: Any) -> None:
    host = tmp_path / "host"
    host.mkdir()
    (host / "in.txt").write_bytes(b"in")
    mount = {"path": "/out", "source": "host", "access": "read-write", "write-back": True}
    story.publish(capabilities=grant(files=[mount]))
    report = story.run(offer=Offer(folders={"/out": host}))
    assert report.written_back == {"/out": ()}
    assert report.receipt is not None
    told = read_receipt(report.receipt).predicate
    assert told.inputs.files == told.outputs.files

    def full(*_arguments: Any, **_members: Any) -> None:
        raise RunnerError(RunnerCode.WRITE_BACK_FAILED, "disk is full")

    monkeypatch.setattr("runner.closing.write_back", full)
    story.publish(capabilities=grant(files=[mount]), version=2, tag="v2")
    report = story.run(story.order("v2", offer=Offer(folders={"/out": host})))
    assert report.failure is not None
    assert report.exit_code == 142
    assert report.receipt is not None


def test_an_unsealed_module_runs_without_anybody(story: Story) -> None:
    policy = parse_document(grant())
    report = run_unsealed(HELLO, policy, Offer(), Terms(), story.place())
    assert bytes(story.stdout) == f"{CANARY}\n".encode()
    assert report.exit_code == 7
    assert report.receipt is None
    assert story.door.calls == []


def test_a_module_too_large_for_a_worker(story: Story, monkeypatch: Any) -> None:
    monkeypatch.setattr(limits, "MAX_MODULE_BYTES", len(HELLO) - 1)
    story.publish()
    refused(story, RunnerCode.MODULE_TOO_LARGE)
    assert story.door.calls == []
    with pytest.raises(RunnerError) as caught:
        run_unsealed(HELLO, parse_document(grant()), Offer(), Terms(), story.place())
    assert caught.value.code is RunnerCode.MODULE_TOO_LARGE


def test_an_artifact_too_large_for_a_request(story: Story, monkeypatch: Any) -> None:
    monkeypatch.setattr("runner.asking.MAX_BUNDLE_BYTES", 10)
    story.publish()
    refused(story, RunnerCode.ARTIFACT_REFUSED)


def test_no_key_is_asked_for_with_arguments_that_are_no_text(story: Story) -> None:
    story.publish()
    with pytest.raises(RunnerError) as caught:
        story.run(story.order(offer=Offer(arguments=("\udcff",))))
    assert caught.value.code is RunnerCode.INPUT_MALFORMED
    assert story.door.calls == []
