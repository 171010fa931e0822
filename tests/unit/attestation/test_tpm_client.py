"""The TPM client on what a TPM answered once, and on answers that no TPM should give."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from attestation.tpm import constants as c
from attestation.tpm.attest import parse_quote
from attestation.tpm.client import Tpm
from attestation.tpm.codes import TpmError, name_of
from attestation.tpm.pcr import PcrSelection, parse_pcrs
from attestation.tpm.public import require_attestation_key
from attestation.tpm.quoting import take_quote
from attestation.tpm.signature import parse_signature, verify_signature
from attestation.tpm.transport import DeviceTransport, SocketTransport, open_transport
from attestation.tpm.wire import sized, u16, u32
from tests.fakes.tpm_tape import REPORT_DATA, SCENES, Player, Tape, tapes

TAPES = tapes()


def play(name: str, change: Callable[[int, bytes], bytes] | None = None):
    tape: Tape = TAPES[name]
    player = tape.player(change)
    return SCENES[name](lambda: player, dict(tape.facts)), player


def test_registers_are_read_and_extended() -> None:
    found, player = play("registers")
    assert player.played == len(player.exchanges)
    assert found.banks[c.ALG_SHA256] == tuple(range(24))
    assert sorted(found.before) == list(range(24))
    assert found.after[16] == hashlib.sha256(found.before[16] + b"m" * 32).digest()
    assert (found.started.code, found.started.name) == (0x100, "INITIALIZE")


def test_indices_and_persistent_keys_are_read() -> None:
    found, _ = play("storage")
    assert len(found.stored) == 2048
    assert found.stored.startswith(b"HCLA")
    assert found.absent.name == found.no_key.name == "HANDLE, handle 1"
    require_attestation_key(found.persistent.public)


@pytest.mark.parametrize("kind", ["ecc", "rsa"])
def test_credential_is_opened_and_a_quote_taken(kind: str) -> None:
    found, _ = play(kind)
    assert found.found == TAPES[kind].facts["secret"]
    require_attestation_key(found.ak.public)
    key = found.ak.public.key
    verify_signature(parse_signature(found.quote.signature, key), key, found.quote.quote)
    assert parse_quote(found.quote.quote).extra_data == hashlib.sha256(REPORT_DATA).digest()
    assert sorted(parse_pcrs(found.quote.pcrs)["sha256"]) == list(range(24))
    assert found.refused.code


def test_endorsement_is_found_and_the_credential_opened() -> None:
    found, _ = play("enrolment")
    assert found.endorsement.template.name == "rsa-2048"
    assert found.secret == TAPES["enrolment"].facts["secret"]


@pytest.mark.parametrize("name", SCENES)
def test_answers_cut_off_or_with_more_are_refused(name: str) -> None:
    """Every answer of every scene, cut at every tenth byte, and with a byte more."""
    for at, (_, answer) in enumerate(TAPES[name].exchanges):
        if answer[6:10] != bytes(4) or len(answer) == 10:
            continue
        spoilt = [answer[:size] for size in range(0, len(answer), max(1, len(answer) // 10))]
        spoilt += [answer + b"\0", resized(answer + b"\0"), b"\x80\x03" + answer[2:]]
        for one in spoilt:
            with pytest.raises(TpmError):
                play(name, lambda index, real, at=at, one=one: one if index == at else real)


def resized(answer: bytes) -> bytes:
    return answer[:2] + u32(len(answer)) + answer[6:]


def answer(parameters: bytes, *, sessions: bool = False, handle: bytes = b"") -> bytes:
    body = handle + (u32(len(parameters)) if sessions else b"") + parameters
    body += bytes(5) if sessions else b""
    return u16(0x8002 if sessions else 0x8001) + u32(10 + len(body)) + u32(0) + body


class Says:
    """A TPM that has one answer for everything."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)

    def transmit(self, _command: bytes) -> bytes:
        return self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)

    def close(self) -> None:
        """There is nothing to close."""


PCR_12 = PcrSelection(c.ALG_SHA256, (12,))
SELECTED_12 = u32(1) + u16(c.ALG_SHA256) + b"\x03\x00\x10\x00"


@pytest.mark.parametrize(
    "parameters",
    [
        u32(1) + u32(0) + u32(0),
        u32(1) + u32(1) + u16(c.ALG_SHA256) + b"\x03\x00\x00\x00" + u32(0),
        u32(1) + u32(1) + u16(c.ALG_SHA384) + b"\x03\x00\x10\x00" + u32(1) + sized(bytes(48)),
        u32(1) + u32(1) + u16(c.ALG_SHA256) + b"\x03\x00\x20\x00" + u32(1) + sized(bytes(32)),
        u32(1) + SELECTED_12 + u32(2) + sized(bytes(32)) * 2,
        u32(1) + SELECTED_12 + u32(1) + sized(bytes(33)),
    ],
    ids=["no-bank", "none", "another-bank", "another-pcr", "two-values", "long-value"],
)
def test_values_must_be_those_asked_for(parameters: bytes) -> None:
    with pytest.raises(TpmError, match="not readable"):
        Tpm(Says(answer(parameters))).pcr_read(PCR_12)


@pytest.mark.parametrize(
    "parameters",
    [b"\x01" + u32(5) + u32(0), b"\x00" + u32(6) + u32(0)],
    ids=["more-to-come", "another-capability"],
)
def test_list_of_banks_must_be_whole(parameters: bytes) -> None:
    with pytest.raises(TpmError, match="not readable"):
        Tpm(Says(answer(parameters))).pcr_banks()


def nv_public(index: int, size: int) -> bytes:
    area = u32(index) + u16(c.ALG_SHA256) + u32(0) + sized(b"") + u16(size)
    return answer(sized(area) + sized(b"name"))


@pytest.mark.parametrize(
    "answers",
    [
        [nv_public(2, 10)],
        [nv_public(1, 0xFFFF)],
        [nv_public(1, 10), answer(sized(bytes(9)), sessions=True)],
    ],
    ids=["another-index", "too-large", "too-little"],
)
def test_index_must_be_the_one_asked_for(answers: list[bytes]) -> None:
    with pytest.raises(TpmError):
        Tpm(Says(*answers)).nv_read(1)


def test_name_of_a_key_must_be_its_own() -> None:
    exchanges = TAPES["storage"].exchanges
    sent = u32(0x81000003)
    (real,) = [one for command, one in exchanges if command[6:] == u32(0x173) + sent]
    area = real[12 : 12 + int.from_bytes(real[10:12], "big")]
    wrong = sized(area) + sized(b"\x00\x0b" + bytes(32)) + sized(b"")
    with pytest.raises(TpmError, match="name"):
        Tpm(Says(answer(wrong))).read_public(0x81000003)


def test_session_that_met_no_policy_is_flushed() -> None:
    """An endorsement hierarchy with a password of its own."""
    exchanges = TAPES["ecc"].exchanges
    at = next(i for i, (sent, _) in enumerate(exchanges) if sent[6:10] == u32(0x151))
    commands: list[bytes] = []

    class Refuses(Player):
        def transmit(self, command: bytes) -> bytes:
            commands.append(command)
            if command[6:10] == u32(0x151):
                return u16(0x8001) + u32(10) + u32(0x9A2)
            return answer(b"") if command[6:10] == u32(0x165) else super().transmit(command)

    player = Refuses(exchanges[:at] + exchanges[at + 1 :])
    with pytest.raises(TpmError, match="TPM_RC_BAD_AUTH, session 1"):
        SCENES["ecc"](lambda: player, dict(TAPES["ecc"].facts))
    assert commands[-1][6:10] == u32(0x165)


def test_registers_that_change_all_the_time() -> None:
    """Values are compared with the quote, and asked for again, but not for ever."""
    exchanges = TAPES["ecc"].exchanges
    quote = next(one for sent, one in exchanges if sent[6:10] == u32(0x158))
    reads = [one for sent, one in exchanges if sent[6:10] == u32(0x17E)]
    changed = [one[:-1] + bytes([one[-1] ^ 1]) for one in reads]
    key = play("ecc")[0].ak
    player = Says(*[*changed, quote, *changed, quote, *reads, quote])
    assert take_quote(Tpm(player), key, REPORT_DATA).pcrs
    with pytest.raises(TpmError, match="faster than"):
        take_quote(Tpm(Says(*[*changed, quote] * 3, b"")), key, REPORT_DATA)


def test_quote_that_is_none_is_unreadable() -> None:
    exchanges = TAPES["ecc"].exchanges
    reads = [one for sent, one in exchanges if sent[6:10] == u32(0x17E)]
    nonsense = sized(b"nonsense") + u16(c.ALG_RSASSA) + u16(c.ALG_SHA256) + sized(b"s")
    with pytest.raises(TpmError, match="not readable"):
        key = play("ecc")[0].ak
        take_quote(Tpm(Says(*reads, answer(nonsense, sessions=True))), key, REPORT_DATA)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0x100, "INITIALIZE"),
        (0x101, "FAILURE"),
        (0x18B, "HANDLE, handle 1"),
        (0x1DF, "INTEGRITY, parameter 1"),
        (0x2D5, "SIZE, parameter 2"),
        (0x99D, "POLICY_FAIL, session 1"),
        (0x08E, "AUTH_FAIL"),
        (0x0BF, "UNKNOWN"),
        (0x921, "LOCKOUT"),
        (0x97F, "UNKNOWN"),
        (0x17F, "UNKNOWN"),
        (0x01E, "BAD_TAG"),
        (0x01F, "UNKNOWN"),
    ],
)
def test_every_response_code_has_a_name(code: int, name: str) -> None:
    assert name_of(code) == name
    refused = TpmError.refused("TPM2_Quote", code)
    assert (refused.code, refused.name) == (code, name)
    assert f"TPM_RC_{name}" in str(refused)


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield SocketTransport(ours), theirs


def test_answers_come_in_pieces(ends) -> None:
    transport, other = ends
    whole = answer(b"parameters")

    def speak() -> None:
        assert other.recv(100) == b"command"
        for byte in whole:
            other.sendall(bytes([byte]))

    thread = threading.Thread(target=speak)
    thread.start()
    assert transport.transmit(b"command") == whole
    thread.join()
    transport.close()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"\x80\x01\x00\x00\x00\x0a", "closed"),
        (b"\x80\x01\x00\x00\x00\x09" + bytes(4), "9 bytes"),
        (b"\x80\x01\x00\x01\x00\x00" + bytes(4), "65536 bytes"),
    ],
)
def test_socket_that_misbehaves(ends, said: bytes, why: str) -> None:
    transport, other = ends
    other.sendall(said)
    other.shutdown(socket.SHUT_WR)
    with pytest.raises(TpmError, match=why):
        transport.transmit(b"command")


def test_socket_that_is_closed_or_silent(ends) -> None:
    transport, other = ends
    transport._socket.settimeout(0.01)
    with pytest.raises(TpmError, match="no answer in"):
        transport.transmit(b"command")
    other.close()
    with pytest.raises(TpmError, match="socket failed"):
        transport.transmit(b"command")
        transport.transmit(b"command")


def test_paths_that_are_no_tpm(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    left = tmp_path / "left"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(left))
    for path in (plain, tmp_path / "absent", left):
        with pytest.raises(TpmError, match=str(path)):
            open_transport(path)


def test_socket_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        open_transport(path).close()


def test_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # It takes commands and has never an answer.
    transport = open_transport(Path("/dev/null"))
    with pytest.raises(TpmError, match="gave no answer"):
        transport.transmit(b"command")
    with monkeypatch.context() as patched:
        patched.setattr(os, "read", lambda *_: b"answer")
        assert transport.transmit(b"command") == b"answer"
    transport.close()
    with pytest.raises(TpmError, match="device failed"):
        transport.transmit(b"command")
    with pytest.raises(TpmError, match="absent"):
        DeviceTransport(tmp_path / "absent")
