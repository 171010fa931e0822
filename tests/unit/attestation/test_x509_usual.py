"""What is read in one pass is what the general reader would have read, bit for bit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attestation.errors import EvidenceError
from attestation.intel import pck
from attestation.limits import MAX_EXTENSIONS, MAX_REVOKED
from attestation.simulated.der_writer import integer, oid, sequence, tlv
from attestation.x509 import certificate, crl, der
from attestation.x509.der import DerReader

T = TypeVar("T")
DATE = tlv(der.UTC_TIME, b"260101000000Z")


def entry(serial: int, reason: int = 1, date: bytes = DATE) -> bytes:
    code = tlv(der.OCTET_STRING, tlv(der.ENUMERATED, bytes([reason])))
    extensions = sequence(sequence(oid("2.5.29.21"), code))
    return sequence(integer(serial), date, extensions)


def attribute(kind: str, tag: int, text: bytes) -> bytes:
    return tlv(der.SET, sequence(oid(kind), tlv(tag, text)))


def general_entries(content: bytes) -> dict[int, bool] | None:
    with contextlib.suppress(EvidenceError):
        return crl._any_entries(DerReader(content, what="list"))
    return None


def general_attributes(content: bytes) -> list[tuple[str, int, bytes]] | None:
    with contextlib.suppress(EvidenceError):
        return certificate._any_attributes(DerReader(content, what="name"))
    return None


def flip(data: bytes, bits: list[int]) -> bytes:
    changed = bytearray(data)
    for bit in bits:
        changed[bit // 8 % len(changed)] ^= 1 << bit % 8
    return bytes(changed)


SERIALS = st.one_of(st.integers(0, 300), st.integers(0, 2**160 - 1), st.integers(2**150, 2**161))
BITS = st.lists(st.integers(0, 4000), max_size=2)


@given(st.lists(st.tuples(SERIALS, st.integers(0, 12)), min_size=1, max_size=6), BITS)
@example([(1, 6), (2, 1)], [])
@example([(1, 6), (1, 1)], [])
@example([(2**159, 1)], [])
@example([(1, 8)], [])
def test_entries(listed: list[tuple[int, int]], bits: list[int]) -> None:
    content = flip(b"".join(entry(*one) for one in listed), bits)
    usual = crl._usual_entries(content)
    assert usual is None or usual == general_entries(content)


def test_usual_entries_are_read_in_one_pass() -> None:
    content = entry(5) + entry(2**159, 6) + entry(2**152 - 1)
    assert crl._usual_entries(content) == {5: False, 2**159: True, 2**152 - 1: False}


@pytest.mark.parametrize(
    "content",
    [
        entry(1) + entry(1, 6),
        entry(1, date=tlv(der.UTC_TIME, b"261301000000Z")),
        entry(1) + b"\0",
        entry(1)[:-1],
        sequence(integer(1), DATE),
        entry(1, reason=8),
    ],
)
def test_other_entries_are_left_to_the_general_reader(content: bytes) -> None:
    assert crl._usual_entries(content) is None


def test_how_many_entries_there_may_be() -> None:
    content = b"".join(entry(number) for number in range(MAX_REVOKED + 1))
    assert crl._usual_entries(content) is None
    with pytest.raises(EvidenceError):
        crl._any_entries(DerReader(content, what="list"))
    fewer = content[len(entry(0)) :]
    assert len(crl._usual_entries(fewer) or ()) == MAX_REVOKED


TEXTS = st.binary(max_size=130)


@given(
    st.lists(st.tuples(st.integers(0, 130), st.integers(0, 255), TEXTS), max_size=4),
    BITS,
)
@example([(3, der.UTF8_STRING, b"a" * 118)], [])
@example([(3, der.UTF8_STRING, b"a" * 119)], [])
@example([(3, 0x80, b"")], [])
def test_attributes(listed: list[tuple[int, int, bytes]], bits: list[int]) -> None:
    content = b"".join(attribute(f"2.5.4.{kind}", tag, text) for kind, tag, text in listed)
    content = flip(content, bits) if content else content
    usual = certificate._usual_attributes(content)
    assert usual is None or usual == general_attributes(content)


def test_usual_attributes_are_read_in_one_pass() -> None:
    content = attribute("2.5.4.6", der.PRINTABLE_STRING, b"US")
    content += attribute("2.5.4.3", der.UTF8_STRING, b"SIMULATED-Somebody")
    found = certificate._usual_attributes(content)
    assert found == general_attributes(content)
    assert found is not None
    assert found[1] == ("2.5.4.3", der.UTF8_STRING, b"SIMULATED-Somebody")


def test_names_with_several_attributes_in_a_set_are_read() -> None:
    pair = sequence(oid("2.5.4.10"), tlv(der.UTF8_STRING, b"x"))
    common = sequence(oid("2.5.4.3"), tlv(der.UTF8_STRING, b"y"))
    name = sequence(tlv(der.SET, pair + common))
    assert certificate._usual_attributes(tlv(der.SET, pair + common)) is None
    assert certificate.common_name(name) == "y"
    with pytest.raises(EvidenceError):
        certificate.common_name(sequence(tlv(der.SET, common), tlv(der.SET, common)))


def extension(name: str, critical: bool | None, value: bytes) -> bytes:
    said = b"" if critical is None else tlv(der.BOOLEAN, b"\xff" if critical else b"\0")
    return sequence(oid(name), said, tlv(der.OCTET_STRING, value))


def read(reader: Callable[[bytes], T], content: bytes) -> T | None:
    with contextlib.suppress(EvidenceError):
        return reader(content)
    return None


def any_extensions(content: bytes) -> dict[str, certificate.Extension]:
    return certificate._any_extensions(DerReader(content, what="extensions"))


NAMES = st.sampled_from(["2.5.29.15", "2.5.29.19", "1.2.3", "1.3.6.1.5.5.7.1.1", pck.PCK_EXTENSION])
VALUES = st.one_of(st.binary(max_size=40), st.integers(90, 300).map(bytes))


@given(st.lists(st.tuples(NAMES, st.sampled_from([None, True, False]), VALUES), max_size=4), BITS)
@example([("2.5.29.15", True, bytes(116))], [])
@example([("2.5.29.15", None, bytes(117))], [])
@example([("2.5.29.15", None, bytes(127)), ("2.5.29.19", None, bytes(128))], [])
@example([("2.5.29.15", None, bytes(240)), ("2.5.29.19", None, bytes(256))], [])
@example([("2.5.29.15", None, b"")] * 2, [])
def test_extensions(listed: list[tuple[str, bool | None, bytes]], bits: list[int]) -> None:
    content = b"".join(extension(*one) for one in listed)
    content = flip(content, bits) if content else content
    usual = read(certificate._usual_extensions, content)
    assert usual is None or usual == read(any_extensions, content)


def test_usual_extensions_are_read_in_one_pass() -> None:
    content = extension("2.5.29.15", True, b"abc") + extension(pck.PCK_EXTENSION, None, bytes(500))
    found = certificate._usual_extensions(content)
    assert found == any_extensions(content)
    assert found is not None
    assert found["2.5.29.15"] == certificate.Extension(True, b"abc")


def test_how_many_extensions_there_may_be() -> None:
    content = b"".join(
        extension(f"2.5.29.{number}", None, b"") for number in range(MAX_EXTENSIONS + 1)
    )
    assert certificate._usual_extensions(content) is None
    with pytest.raises(EvidenceError):
        any_extensions(content)
    fewer = content[len(extension("2.5.29.0", None, b"")) :]
    assert len(certificate._usual_extensions(fewer) or ()) == MAX_EXTENSIONS


def tcb(svns: list[int], pcesvn: int, cpusvn: bytes) -> bytes:
    values = [*map(integer, (*svns, pcesvn)), tlv(der.OCTET_STRING, cpusvn)]
    arc = f"{pck.PCK_EXTENSION}.2"
    return b"".join(
        sequence(oid(f"{arc}.{number}"), value) for number, value in enumerate(values, 1)
    )


@given(
    st.lists(st.integers(0, 257), min_size=16, max_size=16),
    st.integers(0, 2**16),
    st.integers(15, 17).map(bytes),
    BITS,
)
@example([0, 127, 128, 255] * 4, 65535, bytes(16), [])
@example([0] * 16, 255, bytes(16), [])
@example([0] * 16, 32768, bytes(16), [])
def test_tcb_of_a_pck(svns: list[int], pcesvn: int, cpusvn: bytes, bits: list[int]) -> None:
    content = flip(tcb(svns, pcesvn, cpusvn), bits)
    usual = pck._usual_tcb(content)
    assert usual is None or usual == read(pck._any_tcb, content)


@pytest.mark.parametrize("pcesvn", [0, 127, 128, 255, 256, 32767, 32768, 65535])
def test_a_usual_tcb_is_read_in_one_pass(pcesvn: int) -> None:
    svns = [*range(8), *range(248, 256)]
    content = tcb(svns, pcesvn, bytes(range(16)))
    assert pck._usual_tcb(content) == (bytes(svns), pcesvn, bytes(range(16)))
    assert pck._any_tcb(content) == pck._usual_tcb(content)
