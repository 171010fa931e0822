"""The worker believes nobody: it verifies everything again, in its own process."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from keybroker.protocol import RELEASE_TYPE, RunnerKey
from runner.asking import make_request
from runner.fetching import fetch_ciphertext, fetch_signed
from runner.order import World as RunnerWorld
from runner.releasing import known_identity, obtain_release
from runner.worker import limits, main, messages
from runner.worker.frames import Channel
from runner.worker.lockdown import Part
from runner.worker.messages import (
    Accepted,
    Artifact,
    Call,
    Failed,
    Hello,
    Locked,
    Piece,
    PieceName,
    Refused,
    Release,
    Start,
    TreeFile,
    Verified,
)
from sealing import canonical
from sealing.keys import SigningKey
from sealing.signatures import dsse
from sealing.signatures.bundle import sign_bundle
from tests.fakes.story import CANARY, HELLO, PretendLock, Story, grant, make_story

CALL = canonical.encode(Call(arguments=(), environment={}).to_header())
GRANT = canonical.encode(grant())
PLAIN = Start(brokers=None, mounts=(), required=())
UNSEALED = {
    PieceName.MODULE: HELLO,
    PieceName.GRANT: GRANT,
    PieceName.CALL: CALL,
    PieceName.STDIN: b"",
}


class Talk:
    """A supervisor's end of a conversation with real worker code."""

    def __init__(self, now: Callable[[], Any], lock: Any = None) -> None:
        ours, theirs = socket.socketpair()
        self.channel, worker = Channel(ours.detach()), Channel(theirs.detach())
        self.status: list[int] = []

        def run() -> None:
            self.status.append(main.converse(worker, lock or PretendLock(), parent=0, now=now))
            worker.close()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def hear(self) -> Any:
        return self.channel.receive(messages.from_worker).message

    def say(self, header: messages.Header, body: bytes = b"") -> None:
        self.channel.send(header.to_header(), body)

    def give(self, pieces: dict[PieceName, bytes]) -> None:
        for name, data in pieces.items():
            self.say(Piece(name=name), data)

    def hand(self, pieces: dict[PieceName, bytes], start: Start) -> Any:
        """Hand everything over and return the first word after that."""
        self.give(pieces)
        self.say(start)
        return self.hear()

    def end(self) -> None:
        self.channel.close()
        self._thread.join()


@pytest.fixture
def talk() -> Iterator[Talk]:
    made = Talk(lambda: None)
    assert isinstance(made.hear(), Hello)
    yield made
    made.end()


INPUTS = {PieceName.CALL: CALL, PieceName.STDIN: b""}


@dataclass
class Sealed:
    """A worker that has said hello, and everything it should be handed for a sealed module."""

    story: Story
    talk: Talk
    artifact: dict[PieceName, bytes]
    said: Artifact
    release: Release
    answer: bytes
    brokers: tuple[str, ...]
    inputs: dict[PieceName, bytes] = field(default_factory=lambda: dict(INPUTS))
    identity: SigningKey = field(init=False)

    def __post_init__(self) -> None:
        self.identity = self.story.world.broker.releases.keys.identity

    def begin(self) -> Any:
        """Hand in the artifact; return the first word after that."""
        self.talk.give(self.artifact)
        self.talk.say(self.said)
        return self.talk.hear()

    def offer(self) -> Any:
        """Hand in the release; return the worker's word on it."""
        self.talk.say(self.release, self.answer)
        return self.talk.hear()

    def start(self) -> Any:
        return self.talk.hand(self.inputs, Start(brokers=self.brokers, mounts=(), required=()))

    def outcome(self) -> Any:
        """The first word that is not about a release that holds."""
        for step in (self.begin, self.offer):
            message = step()
            if not isinstance(message, Verified | Accepted):
                return message
        return self.start()

    def change_release(self, **members: Any) -> None:
        """What a supervisor in the attacker's hand would need the broker's key for."""
        answer = json.loads(self.answer)
        payload = canonical.b64decode(json.loads(answer["release"])["payload"], what="payload")
        document = canonical.encode(json.loads(payload) | members)
        answer["release"] = dsse.sign(RELEASE_TYPE, document, [self.identity]).decode()
        self.answer = canonical.encode(answer)


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Sealed]:
    with make_story(tmp_path) as story:
        story.publish()
        talk = Talk(story.world.clock)
        key: RunnerKey = talk.hear().key
        module = fetch_signed(story.store, story.order().reference, owners=story.order().owners)
        broker, guest = story.door.broker(), story.world.guest()
        world = RunnerWorld(story.store, (broker,), lambda _: guest)
        receipt_key = SigningKey.generate("ed25519").public
        asked = make_request(world, broker, module, runner_key=key, receipt_key=receipt_key)
        identity = known_identity(broker, [story.world.identity])
        released = obtain_release(broker, asked, module, identity, story.world.clock)
        artifact = {
            PieceName.MANIFEST: module.manifest,
            PieceName.CONFIG: module.config,
            PieceName.BUNDLE: module.bundle,
            PieceName.OWNER: module.artifact.owner.spki,
            PieceName.LAYER: fetch_ciphertext(story.store, module),
        }
        release = Release(identity=identity.spki, request=asked.binding.digest())
        owners = ((module.artifact.owner.key_id,),)
        said, brokers = Artifact(owner_threshold=1, owners=owners), (identity.key_id,)
        yield Sealed(story, talk, artifact, said, release, released.answer, brokers)
        talk.end()


def failed(message: Any, kind: Any = Failed) -> tuple[str, str]:
    assert isinstance(message, kind), message
    assert CANARY not in message.detail
    return message.code, message.reason


def test_a_sealed_module_is_opened_and_runs(sealed: Sealed) -> None:
    locked = sealed.outcome()
    assert isinstance(locked, Locked)
    output = sealed.talk.channel.receive(messages.from_worker)
    assert bytes(output.body) == f"{CANARY}\n".encode()
    done = sealed.talk.hear()
    assert done.exit_code == 7
    assert done.frames == ()
    sealed.talk.end()
    assert sealed.talk.status == [0]


def _swap(name: PieceName, value: bytes) -> Callable[[Sealed], object]:
    return lambda sealed: sealed.artifact.update({name: value})


def _flipped(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    return bytes(changed)


def _flip(name: PieceName) -> Callable[[Sealed], object]:
    return lambda sealed: sealed.artifact.update({name: _flipped(sealed.artifact[name])})


def _set(**members: Any) -> Callable[[Sealed], object]:
    return lambda sealed: [setattr(sealed, name, value) for name, value in members.items()]


def _release(**members: Any) -> Callable[[Sealed], object]:
    return lambda sealed: setattr(sealed, "release", sealed.release.model_copy(update=members))


def _said(**members: Any) -> Callable[[Sealed], object]:
    return lambda sealed: setattr(sealed, "said", sealed.said.model_copy(update=members))


STRANGER = SigningKey.generate("ed25519").public
OTHER = "sha256:" + "0" * 64
# What ends the conversation: the artifact, or what the supervisor says of it, is not right.
MISTRUST: list[tuple[str, Callable[[Sealed], object], str]] = [
    ("another owner", _swap(PieceName.OWNER, STRANGER.spki), "artifact-refused"),
    ("no key for an owner", _swap(PieceName.OWNER, b"x"), "artifact-refused"),
    ("another manifest", _flip(PieceName.MANIFEST), "artifact-refused"),
    ("another config", _flip(PieceName.CONFIG), "artifact-refused"),
    ("another signature", _flip(PieceName.BUNDLE), "artifact-refused"),
    ("another layer", _flip(PieceName.LAYER), "artifact-refused"),
    ("a layer of another size", _swap(PieceName.LAYER, b"x"), "artifact-refused"),
    ("more owners than signed", _said(owner_threshold=2), "artifact-refused"),
    ("guardrails that are none", _set(inputs={**INPUTS, PieceName.GUARDRAILS: GRANT}),
     "grant-invalid"),
    ("a broker that released nothing", _set(brokers=(STRANGER.key_id,)), "broker-not-genuine"),
    ("more brokers than the key takes",
     lambda s: setattr(s, "brokers", (*s.brokers, STRANGER.key_id)), "broker-not-genuine"),
    ("one broker twice", lambda s: setattr(s, "brokers", s.brokers * 2), "broker-not-genuine"),
    ("no brokers", _set(brokers=None), "worker-frame-malformed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("owners", "refusal"),
    [
        (["a", "b"], None),
        (["ab"], ("artifact-refused", "seal-signature-missing")),
        (["a"], ("artifact-refused", "seal-signature-missing")),
        (["a", "ab"], ("worker-frame-malformed", "")),
    ],
    ids=["two-owners", "two-keys-of-one", "a-key-that-counts-for-nobody", "a-key-of-two"],
)
def test_owners_are_counted_not_keys(sealed: Sealed, owners: list[str], refusal: Any) -> None:
    second = SigningKey.generate("p256")
    key_ids = {"a": sealed.story.world.owner.key_id, "b": second.key_id}
    dsse_envelope = json.loads(sealed.artifact[PieceName.BUNDLE])["dsseEnvelope"]
    payload = canonical.b64decode(dsse_envelope["payload"], what="payload")
    sealed.talk.say(messages.Piece(name=PieceName.BUNDLE), sign_bundle(payload, second))
    sealed.talk.say(messages.Piece(name=PieceName.OWNER), second.public.spki)
    groups = tuple(tuple(key_ids[key] for key in owner) for owner in owners)
    sealed.said = Artifact(owner_threshold=2, owners=groups)
    message = sealed.begin()
    if refusal is None:
        assert isinstance(message, Verified), message
    else:
        assert failed(message) == refusal


@pytest.mark.parametrize("case", MISTRUST, ids=lambda case: case[0])
def test_what_the_supervisor_hands_in_is_not_believed(sealed: Sealed, case: Any) -> None:
    _, change, code = case
    change(sealed)
    assert failed(sealed.outcome())[0] == code
    sealed.talk.end()
    assert sealed.talk.status == [1]


# What costs a broker its release and nobody the run.
REFUSED: list[tuple[str, Callable[[Sealed], object], str]] = [
    ("another broker", _release(identity=STRANGER.spki), "broker-not-genuine"),
    ("no key for a broker", _release(identity=bytes(44)), "broker-not-genuine"),
    ("another request", _release(request=OTHER), "broker-not-genuine"),
    ("another release", lambda s: setattr(s, "answer", _flipped(s.answer)), "broker-not-genuine"),
    ("no release", _set(answer=b""), "broker-not-genuine"),
    ("a wider grant", lambda s: s.change_release(grant=grant(stdout={"max-bytes": 9999})),
     "broker-not-genuine"),
    ("a narrower grant", lambda s: s.change_release(grant=grant(stdout={"max-bytes": 1})),
     "release-key-not-opened"),
    ("a grant in another form", lambda s: s.change_release(grant={}), "grant-invalid"),
    ("another decision", lambda s: s.change_release(decision="decision-other"),
     "release-key-not-opened"),
    ("another module", lambda s: s.change_release(module="acme/other"), "broker-not-genuine"),
    ("a share of a whole key",
     lambda s: s.change_release(share={"set": "00" * 16, "index": 1, "threshold": 2, "of": 3}),
     "broker-not-genuine"),
    ("a lease that is over", lambda s: s.story.world.clock.advance(hours=1), "lease-expired"),
    ("a lease that is nearly over", lambda s: s.story.world.clock.advance(minutes=14, seconds=56),
     "lease-expired"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_a_release_that_does_not_hold_ends_nothing(sealed: Sealed, case: Any) -> None:
    _, change, code = case
    kept, clock = (sealed.release, sealed.answer), sealed.story.world.clock
    now = clock.now
    sealed.begin()
    change(sealed)
    assert failed(sealed.offer(), Refused)[0] == code

    # The same worker takes one that does.
    sealed.release, sealed.answer = kept
    clock.now = now
    verdict = sealed.offer()
    assert isinstance(verdict, Accepted)
    assert verdict.broker == sealed.story.world.identity
    assert isinstance(sealed.start(), Locked)


def test_a_broker_the_owner_did_not_name(sealed: Sealed) -> None:
    """Signed by a broker all right, but not by the one in the owner's statement."""
    sealed.identity = SigningKey.generate("ed25519")
    sealed.release = sealed.release.model_copy(update={"identity": sealed.identity.public.spki})
    sealed.change_release()
    assert failed(sealed.outcome(), Refused) == ("broker-not-genuine", "")


def test_a_broker_releases_once(sealed: Sealed) -> None:
    sealed.begin()
    assert isinstance(sealed.offer(), Accepted)
    assert failed(sealed.offer(), Refused)[0] == "broker-repeated"
    assert isinstance(sealed.start(), Locked)


def test_releases_have_a_bound(sealed: Sealed) -> None:
    sealed.begin()
    sealed.answer = b""
    for _ in range(limits.MAX_RELEASES):
        assert isinstance(sealed.offer(), Refused)
    assert failed(sealed.offer())[0] == "worker-frame-malformed"


def test_a_lease_that_ends_before_the_start(sealed: Sealed) -> None:
    sealed.begin()
    sealed.offer()
    sealed.story.world.clock.advance(hours=1)
    assert failed(sealed.start())[0] == "lease-expired"


OUT_OF_STEP: list[tuple[str, Callable[[Sealed], object]]] = [
    ("an artifact again", lambda s: s.talk.say(s.said)),
    ("a piece with a release",
     lambda s: (s.talk.give({PieceName.STDIN: b""}), s.talk.say(s.release))),
    ("a file with a release",
     lambda s: (s.talk.say(TreeFile(mount="/in", path="a"), b"1"), s.talk.say(s.release))),
    ("a start for a module in plaintext", lambda s: s.talk.say(PLAIN)),
    ("a piece of the artifact later", lambda s: (s.inputs.update(s.artifact), s.talk.give(s.inputs),
     s.talk.say(Start(brokers=s.brokers, mounts=(), required=())))),
]  # fmt: skip


@pytest.mark.parametrize("case", OUT_OF_STEP, ids=lambda case: case[0])
def test_each_thing_has_its_step(sealed: Sealed, case: Any) -> None:
    sealed.begin()
    sealed.offer()
    case[1](sealed)
    assert failed(sealed.talk.hear())[0] == "worker-frame-malformed"


def test_a_release_of_nothing(sealed: Sealed) -> None:
    """Before the artifact there is nothing to hold it against."""
    assert failed(sealed.offer())[0] == "worker-frame-malformed"


@pytest.mark.parametrize("piece", [PieceName.CALL, PieceName.MODULE])
def test_an_artifact_is_its_pieces_and_no_more(sealed: Sealed, piece: PieceName) -> None:
    sealed.artifact[piece] = CALL
    assert failed(sealed.begin())[0] == "worker-frame-malformed"


def test_a_module_in_plaintext(talk: Talk) -> None:
    assert isinstance(talk.hand(UNSEALED, PLAIN), Locked)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({PieceName.MODULE: b""}, "module-invalid"),
        ({PieceName.MODULE: b"(module)"}, "module-invalid"),
        ({PieceName.GRANT: b"{}"}, "grant-invalid"),
        ({PieceName.GRANT: canonical.encode(grant(imports=[]))}, "import-not-granted"),
        ({PieceName.CALL: b"{}"}, "worker-frame-malformed"),
        ({PieceName.CALL: b"{"}, "worker-frame-malformed"),
        ({PieceName.OWNER: b"x"}, "worker-frame-malformed"),
    ],
)
def test_unsealed_pieces_that_do_not_fit(
    talk: Talk, changes: dict[PieceName, bytes], code: str
) -> None:
    message = talk.hand({**UNSEALED, **changes}, PLAIN)
    while isinstance(message, Locked):
        message = talk.hear()
    assert failed(message)[0] == code


@pytest.mark.parametrize("missing", UNSEALED)
def test_a_missing_piece(talk: Talk, missing: PieceName) -> None:
    pieces = {name: data for name, data in UNSEALED.items() if name is not missing}
    assert failed(talk.hand(pieces, PLAIN))[0] == "worker-frame-malformed"


def test_a_piece_twice(talk: Talk) -> None:
    talk.say(Piece(name=PieceName.CALL), CALL)
    talk.say(Piece(name=PieceName.CALL), CALL)
    assert failed(talk.hear())[0] == "worker-frame-malformed"


def test_pieces_that_may_come_again_have_a_bound(talk: Talk) -> None:
    for _ in range(limits.MAX_SEVERAL + 1):
        talk.say(Piece(name=PieceName.GUARDRAILS), b"{}")
    assert failed(talk.hear())[0] == "worker-frame-malformed"


@pytest.mark.parametrize("mounts", [(), ("/in",)])
def test_a_file_for_no_folder_or_twice(talk: Talk, mounts: tuple[str, ...]) -> None:
    talk.say(TreeFile(mount="/in", path="a"), b"1")
    if mounts:
        talk.say(TreeFile(mount="/in", path="a"), b"1")
        assert failed(talk.hear())[0] == "worker-frame-malformed"
        return
    assert failed(talk.hand(UNSEALED, PLAIN))[0] == "worker-frame-malformed"


def test_files_go_through_a_guest(talk: Talk) -> None:
    mount = {"path": "/io", "source": "host", "access": "read-write", "write-back": True}
    talk.say(TreeFile(mount="/io", path="a/b"), b"1")
    pieces = {**UNSEALED, PieceName.GRANT: canonical.encode(grant(files=[mount]))}
    start = PLAIN.model_copy(update={"mounts": ("/io",)})
    assert isinstance(talk.hand(pieces, start), Locked)
    talk.hear()
    back = talk.channel.receive(messages.from_worker)
    assert back.message == TreeFile(mount="/io", path="a/b")
    assert bytes(back.body) == b"1"


def test_long_output_comes_in_pieces() -> None:
    ours, theirs = socket.socketpair()
    channel, reader = Channel(theirs.detach()), Channel(ours.detach())
    main._sink(channel, "stdout")(bytes(limits.MAX_OUTPUT_CHUNK_BYTES + 1))
    sizes = [len(reader.receive(messages.from_worker).body) for _ in range(2)]
    assert sizes == [limits.MAX_OUTPUT_CHUNK_BYTES, 1]
    channel.close()
    reader.close()


def test_no_guest_runs_where_a_required_part_does_not_hold() -> None:
    class Open(PretendLock):
        def complete(self, required: frozenset[Part]) -> Any:
            assert required == {Part.LANDLOCK}
            raise main.RunnerError(main.RunnerCode.LOCKDOWN_FAILED, "landlock\x1b[1m")

    talk = Talk(lambda: None, Open())
    talk.hear()
    message = talk.hand(UNSEALED, PLAIN.model_copy(update={"required": (Part.LANDLOCK,)}))
    assert failed(message) == ("worker-lockdown-failed", "")
    assert message.detail == "landlock?[1m"
    talk.end()


def test_a_fault_of_ours_is_a_class_name_and_no_more() -> None:
    class Broken(PretendLock):
        def enter(self, *, parent: int) -> None:
            raise ZeroDivisionError(CANARY)

    talk = Talk(lambda: None, Broken())
    message = talk.hear()
    assert (message.code, message.detail) == ("worker-fault", "ZeroDivisionError")
    talk.end()
    assert talk.status == [1]


def test_nobody_listens() -> None:
    talk = Talk(lambda: None)
    talk.hear()
    talk.end()
    assert talk.status == [1]


def test_main_ends_the_process_with_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(main, "converse", lambda *_arguments, **_members: 5)
    monkeypatch.setattr(main.os, "_exit", ended.append)
    ours, theirs = socket.socketpair()
    main.main(theirs.detach(), 1)
    assert ended == [5]
    ours.close()
