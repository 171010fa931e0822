"""Whatever a TPM answers, its client returns a value or raises its one error."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestation.tpm.client import LoadedKey, Tpm
from attestation.tpm.codes import TpmError
from attestation.tpm.constants import ALG_SHA256
from attestation.tpm.pcr import PcrSelection
from attestation.tpm.public import parse_public
from attestation.tpm.templates import AK_ECC, ENDORSEMENT
from attestation.tpm.wire import u16, u32
from tests.fakes.tpm_tape import tapes

PCR_12 = PcrSelection(ALG_SHA256, (12,))
ANSWERS = [answer for tape in tapes().values() for _, answer in tape.exchanges]


def _key() -> LoadedKey:
    (area,) = {
        answer[12 : 12 + int.from_bytes(answer[10:12], "big")]
        for sent, answer in tapes()["storage"].exchanges
        if sent[6:10] == u32(0x173) and answer[6:10] == bytes(4)
    }
    return LoadedKey(0x80000000, parse_public(area))


KEY = _key()
CALLS = {
    "banks": lambda tpm: tpm.pcr_banks(),
    "registers": lambda tpm: tpm.pcr_read(PCR_12),
    "extend": lambda tpm: tpm.pcr_extend(12, bytes(32)),
    "primary": lambda tpm: tpm.create_primary(ENDORSEMENT, AK_ECC),
    "public": lambda tpm: tpm.read_public(0x81000003),
    "index": lambda tpm: tpm.nv_read(0x01400001),
    "quote": lambda tpm: tpm.quote(KEY, bytes(32), [PCR_12]),
    "activate": lambda tpm: tpm.activate_credential(KEY, KEY, credential=b"c", secret=b"s"),
}


class Says:
    """Gives these answers, and the last one for ever."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = answers

    def transmit(self, _command: bytes) -> bytes:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def close(self) -> None:
        """There is nothing to close."""


def framed(body: bytes, *, sessions: bool) -> bytes:
    return u16(0x8002 if sessions else 0x8001) + u32(10 + len(body)) + u32(0) + body


BODIES = st.one_of(
    st.binary(max_size=80),
    st.sampled_from(ANSWERS).map(lambda answer: answer[10:]),
    st.tuples(st.sampled_from(ANSWERS), st.integers(0, 4096), st.integers(0, 255)).map(
        lambda drawn: _spoilt(drawn[0][10:], drawn[1], drawn[2])
    ),
)


def _spoilt(body: bytes, place: int, value: int) -> bytes:
    if not body:
        return bytes([value])
    at = place % len(body)
    return body[:at] + bytes([value]) + body[at + 1 :]


@pytest.mark.parametrize("name", CALLS)
@given(bodies=st.lists(st.tuples(BODIES, st.booleans()), min_size=1, max_size=4))
def test_any_answer(name: str, bodies: list[tuple[bytes, bool]]) -> None:
    answers = [framed(body, sessions=sessions) for body, sessions in bodies]
    with suppress(TpmError):
        CALLS[name](Tpm(Says(answers)))


@pytest.mark.parametrize("name", CALLS)
@given(answer=st.binary(max_size=40))
def test_any_bytes(name: str, answer: bytes) -> None:
    with pytest.raises(TpmError):
        CALLS[name](Tpm(Says([answer])))
