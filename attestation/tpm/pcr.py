"""Which PCRs a quote is about, their values on the wire, and the digest over them.

TPM 2.0 Library Specification part 2, sections 10.6 (TPML_PCR_SELECTION) and 10.12 (quote); the
encoding of values is our own, docs/specs/evidence-tpm.md.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import lt
from types import MappingProxyType
from typing import Final

from attestation import cbor
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_PCR_BANKS
from attestation.tpm.constants import (
    ALG_SHA256,
    ALG_SHA384,
    ALG_SHA512,
    HASH_NAMES,
    HASHES,
    PCR_COUNT,
)
from attestation.tpm.wire import Reader, u16, u32

# Bank name on the wire -> (algorithm, size of a value).
BANKS: Final = MappingProxyType(
    {HASH_NAMES[one]: (one, HASHES[one].digest_size) for one in (ALG_SHA256, ALG_SHA384)}
)
_SELECTION: Final = struct.Struct(">HB")
_BANK_OF: Final = {algorithm: name for name, (algorithm, _) in BANKS.items()}
DIGESTS: Final = {
    ALG_SHA256: hashlib.sha256,
    ALG_SHA384: hashlib.sha384,
    ALG_SHA512: hashlib.sha512,
}
# sizeofSelect: at least 3 bytes on a PC; some firmware writes 4, of which the last is zero.
_SELECT_BYTES: Final = (3, 4)

# Heads of CBOR: a map of few pairs, the count in the next byte, a byte string likewise.
_MAP: Final = 0xA0
_LONG_COUNT: Final = 24
_STRING: Final = b"\x58"
_NAMES: Final = {cbor.encode(name): name for name in BANKS}
_NAME_BYTES: Final = 7

# Bank name -> PCR -> value.
PcrValues = Mapping[str, Mapping[int, bytes]]


@dataclass(frozen=True, slots=True)
class PcrSelection:
    """Some PCRs of one bank, in rising order."""

    algorithm: int
    indices: tuple[int, ...]


def read_selections(reader: Reader) -> tuple[PcrSelection, ...]:
    """Return the next TPML_PCR_SELECTION; a bank may be there once."""
    count = reader.u32()
    if count > MAX_PCR_BANKS:
        raise reader.fail(f"{count} PCR selections, limit {MAX_PCR_BANKS}")
    found = tuple(_selection(reader) for _ in range(count))
    if len({one.algorithm for one in found}) != len(found):
        raise reader.fail("a PCR bank is selected twice")
    return found


def _selection(reader: Reader) -> PcrSelection:
    algorithm, size = reader.fixed(_SELECTION)
    if size not in _SELECT_BYTES:
        raise reader.fail(f"PCR selection of {size} bytes")
    bits = int.from_bytes(reader.take(size), "little")
    if bits >> PCR_COUNT:
        raise reader.fail(f"a PCR above {PCR_COUNT - 1} is selected")
    return PcrSelection(algorithm, _indices(bits))


@lru_cache(maxsize=64)
def _indices(bits: int) -> tuple[int, ...]:
    """Return which bits are set; quotes of one kind of machine all select the same."""
    return tuple(one for one in range(PCR_COUNT) if bits >> one & 1)


def write_selections(selections: Sequence[PcrSelection]) -> bytes:
    """Return a TPML_PCR_SELECTION with three bytes per bank."""
    out = [u32(len(selections))]
    for one in selections:
        bits = sum(1 << index for index in one.indices)
        out.append(u16(one.algorithm) + b"\x03" + bits.to_bytes(3, "little"))
    return b"".join(out)


def parse_pcrs(data: bytes) -> PcrValues:
    """Return the PCR values of the part `pcrs`: CBOR {bank: {PCR: value}}.

    Deterministic CBOR; banks "sha256" and "sha384"; PCRs 0 to 23; values as long as the bank's
    digest. Raises `EvidenceError` `malformed` or `trailing-data`. Nothing is proved by it.
    """
    # This form has one spelling and is read for every quote, so it is read without a CBOR reader.
    reader = Reader(data, what="PCR values")
    count = reader.u8() - _MAP
    if not 1 <= count <= len(BANKS):
        raise reader.fail("not a map of banks")
    values: dict[str, Mapping[int, bytes]] = {}
    for _ in range(count):
        name = _bank_name(reader)
        if values and name <= max(values):
            raise reader.fail("banks are not in order, or one is there twice")
        values[name] = _bank(reader, name)
    reader.finish()
    return MappingProxyType(values)


def _bank_name(reader: Reader) -> str:
    name = _NAMES.get(reader.take(_NAME_BYTES))
    if name is None:
        raise reader.fail("not the name of a known bank")
    return name


def _bank(reader: Reader, name: str) -> Mapping[int, bytes]:
    count = reader.u8() - _MAP
    if count == _LONG_COUNT:
        count = reader.u8()
        if count != PCR_COUNT:
            raise reader.fail("not a map of PCRs")
    elif not 1 <= count < PCR_COUNT:
        raise reader.fail("not a map of PCRs")
    size = BANKS[name][1]
    step = 3 + size
    entries = reader.take(count * step)
    indices = entries[::step]
    rising = all(map(lt, indices, indices[1:]))
    if not rising or indices[-1] >= PCR_COUNT:
        raise reader.fail("PCRs are not in order, or do not exist")
    if entries[1::step] != _STRING * count or entries[2::step] != bytes([size]) * count:
        raise reader.fail(f"a value is not {size} bytes")
    starts = range(3, len(entries), step)
    found = {index: entries[at : at + size] for index, at in zip(indices, starts, strict=True)}
    return MappingProxyType(found)


def encode_pcrs(values: PcrValues) -> bytes:
    """Return the part `pcrs` with these values."""
    return cbor.encode({name: dict(bank) for name, bank in values.items()})


def require_selected(selections: Sequence[PcrSelection], values: PcrValues) -> None:
    """Refuse unless `values` are exactly of the selected PCRs, some of them of SHA-256.

    Raises `EvidenceError`: `alg-mismatch` for a selected bank that is not known here or no
    SHA-256 bank, `pcr-digest-mismatch` for values too many or too few.
    """
    selected = {one.algorithm: one.indices for one in selections if one.indices}
    if ALG_SHA256 not in selected or not selected.keys() <= _BANK_OF.keys():
        raise EvidenceError(
            Refusal.ALG_MISMATCH, "quote is not over PCRs of the SHA-256 bank, or also of others"
        )
    wanted = {_BANK_OF[algorithm]: indices for algorithm, indices in selected.items()}
    given = {name: tuple(bank) for name, bank in values.items()}
    if wanted != given:
        raise EvidenceError(
            Refusal.PCR_DIGEST_MISMATCH, "PCR values are not those of the quote's selection"
        )


def digest_of(selections: Sequence[PcrSelection], values: PcrValues, hash_algorithm: int) -> bytes:
    """Return the digest a quote over these values has: banks as selected, PCRs rising.

    `require_selected` has to hold; `hash_algorithm` is that of the signature.
    """
    parts: list[bytes] = []
    for one in selections:
        if one.indices:
            parts += map(values[_BANK_OF[one.algorithm]].__getitem__, one.indices)
    return DIGESTS[hash_algorithm](b"".join(parts)).digest()


def extend(value: bytes, digest: bytes, bank: str = "sha256") -> bytes:
    """Return what a PCR holds after TPM2_PCR_Extend with `digest`."""
    return hashlib.new(bank, value + digest).digest()
