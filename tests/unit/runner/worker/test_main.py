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
from runner.worker.messages import Call, Failed, Hello, Locked, Piece, PieceName, Start, TreeFile
from runner.worker.messages import Sealed as AnswersTo
from sealing import canonical, dsse
from sealing.keys import SigningKey
from tests.fakes.story import CANARY, HELLO, PretendLock, Story, grant, make_story

CALL = canonical.encode(Call(arguments=(), environment={}).to_header())
GRANT = canonical.encode(grant())
PLAIN = Start(sealed=None, mounts=(), required=())
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

    def hand(self, pieces: dict[PieceName, bytes], start: Start) -> Any:
        """Hand everything over and return the first word after that."""
        for name, data in pieces.items():
            self.say(Piece(name=name), data)
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


@dataclass
class Sealed:
    """A worker that has said hello, and everything it should be handed for a sealed module."""

    story: Story
    talk: Talk
    pieces: dict[PieceName, bytes]
    start: Start
    identity: SigningKey = field(init=False)

    def __post_init__(self) -> None:
        self.identity = self.story.world.broker.releases.keys.identity

    def outcome(self) -> Any:
        return self.talk.hand(self.pieces, self.start)

    def change_release(self, **members: Any) -> None:
        """What a supervisor in the attacker's hand would need the broker's key for."""
        answer = json.loads(self.pieces[PieceName.RELEASE])
        payload = canonical.b64decode(json.loads(answer["release"])["payload"], what="payload")
        document = canonical.encode(json.loads(payload) | members)
        answer["release"] = dsse.sign(RELEASE_TYPE, document, [self.identity]).decode()
        self.pieces[PieceName.RELEASE] = canonical.encode(answer)


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
        pieces = {
            PieceName.MANIFEST: module.manifest,
            PieceName.CONFIG: module.config,
            PieceName.BUNDLE: module.bundle,
            PieceName.OWNER: module.artifact.owner.spki,
            PieceName.IDENTITY: identity.spki,
            PieceName.RELEASE: released.answer,
            PieceName.LAYER: fetch_ciphertext(story.store, module),
            PieceName.CALL: CALL,
            PieceName.STDIN: b"",
        }
        said = AnswersTo(requests=(asked.binding.digest(),), owner_threshold=1)
        start = Start(sealed=said, mounts=(), required=())
        yield Sealed(story, talk, pieces, start)
        talk.end()


def failed(message: Any) -> tuple[str, str]:
    assert isinstance(message, Failed), message
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
    return lambda sealed: sealed.pieces.update({name: value})


def _flip(name: PieceName) -> Callable[[Sealed], object]:
    def flip(sealed: Sealed) -> None:
        data = bytearray(sealed.pieces[name])
        data[len(data) // 2] ^= 1
        sealed.pieces[name] = bytes(data)

    return flip


STRANGER = SigningKey.generate("ed25519").public.spki
MISTRUST: list[tuple[str, Callable[[Sealed], object], str]] = [
    ("another owner", _swap(PieceName.OWNER, STRANGER), "artifact-refused"),
    ("no key for an owner", _swap(PieceName.OWNER, b"x"), "artifact-refused"),
    ("another manifest", _flip(PieceName.MANIFEST), "artifact-refused"),
    ("another config", _flip(PieceName.CONFIG), "artifact-refused"),
    ("another signature", _flip(PieceName.BUNDLE), "artifact-refused"),
    ("another layer", _flip(PieceName.LAYER), "artifact-refused"),
    ("another broker", _swap(PieceName.IDENTITY, STRANGER), "broker-not-genuine"),
    ("another release", _flip(PieceName.RELEASE), "broker-not-genuine"),
    ("a wider grant", lambda s: s.change_release(grant=grant(stdout={"max-bytes": 9999})),
     "release-key-not-opened"),
    ("a grant in another form", lambda s: s.change_release(grant={}), "grant-invalid"),
    ("another decision", lambda s: s.change_release(decision="decision-other"),
     "release-key-not-opened"),
    ("guardrails that are none", _swap(PieceName.GUARDRAILS, GRANT), "grant-invalid"),
    ("a lease that is over", lambda s: s.story.world.clock.advance(hours=1), "lease-expired"),
    ("another request", lambda s: setattr(s, "start", s.start.model_copy(
        update={"sealed": AnswersTo(requests=("sha256:" + "0" * 64,), owner_threshold=1)})),
     "broker-not-genuine"),
    ("more owners than signed", lambda s: setattr(s, "start", s.start.model_copy(
        update={"sealed": s.start.sealed.model_copy(update={"owner_threshold": 2})})),
     "artifact-refused"),
    ("another number of requests", lambda s: setattr(s, "start", s.start.model_copy(
        update={"sealed": AnswersTo(requests=("sha256:" + "0" * 64,) * 2, owner_threshold=1)})),
     "broker-not-genuine"),
]  # fmt: skip


@pytest.mark.parametrize("case", MISTRUST, ids=lambda case: case[0])
def test_what_the_supervisor_hands_in_is_not_believed(sealed: Sealed, case: Any) -> None:
    _, change, code = case
    change(sealed)
    assert failed(sealed.outcome())[0] == code
    sealed.talk.end()
    assert sealed.talk.status == [1]


def test_a_broker_the_owner_did_not_name(sealed: Sealed) -> None:
    """Signed by a broker all right, but not by the one in the owner's statement."""
    sealed.identity = SigningKey.generate("ed25519")
    sealed.pieces[PieceName.IDENTITY] = sealed.identity.public.spki
    sealed.change_release()
    assert failed(sealed.outcome()) == ("broker-not-genuine", "")


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
