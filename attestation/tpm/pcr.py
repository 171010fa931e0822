"""Which PCRs a quote is about, their values on the wire, and the digest over them.

TPM 2.0 Library Specification part 2, sections 10.6 (TPML_PCR_SELECTION) and 10.12 (quote); the
encoding of values is our own, docs/specs/evidence-tpm.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from attestation import cbor
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_PCR_BANKS
from attestation.tpm.constants import ALG_SHA256, ALG_SHA384, HASH_NAMES, HASHES, PCR_COUNT
from attestation.tpm.wire import Reader, u16, u32

# Bank name on the wire -> (algorithm, size of a value).
BANKS: Final = MappingProxyType(
    {HASH_NAMES[one]: (one, HASHES[one].digest_size) for one in (ALG_SHA256, ALG_SHA384)}
)
# sizeofSelect: at least 3 bytes on a PC; some firmware writes 4, of which the last is zero.
_SELECT_BYTES: Final = (3, 4)

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
    algorithm, size = reader.u16(), reader.u8()
    if size not in _SELECT_BYTES:
        raise reader.fail(f"PCR selection of {size} bytes")
    bits = int.from_bytes(reader.take(size), "little")
    if bits >> PCR_COUNT:
        raise reader.fail(f"a PCR above {PCR_COUNT - 1} is selected")
    return PcrSelection(algorithm, tuple(one for one in range(PCR_COUNT) if bits >> one & 1))


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
    document = cbor.decode(data, what="PCR values")
    if not isinstance(document, dict) or not document or not document.keys() <= BANKS.keys():
        raise _malformed("not a map of known banks")
    values = {str(name): _bank(str(name), bank) for name, bank in document.items()}
    # One spelling of the same values only: signed or not, evidence has a digest.
    if encode_pcrs(values) != data:
        raise _malformed("not in the order of deterministic CBOR")
    return MappingProxyType(values)


def _bank(name: str, bank: object) -> Mapping[int, bytes]:
    if not isinstance(bank, dict) or not bank:
        raise _malformed(f"bank {name} is no map of PCRs")
    size = BANKS[name][1]
    for index, value in bank.items():
        if type(index) is not int or not 0 <= index < PCR_COUNT:
            raise _malformed(f"bank {name} has a PCR that does not exist")
        if not isinstance(value, bytes) or len(value) != size:
            raise _malformed(f"PCR {index} of {name} is not {size} bytes")
    return MappingProxyType(dict(bank))


def encode_pcrs(values: PcrValues) -> bytes:
    """Return the part `pcrs` with these values."""
    return cbor.encode({name: dict(bank) for name, bank in values.items()})


def require_selected(selections: Sequence[PcrSelection], values: PcrValues) -> None:
    """Refuse unless `values` are exactly of the selected PCRs, some of them of SHA-256.

    Raises `EvidenceError`: `alg-mismatch` for a selected bank that is not known here or no
    SHA-256 bank, `pcr-digest-mismatch` for values too many or too few.
    """
    selected = {one.algorithm: one.indices for one in selections if one.indices}
    known = {algorithm: name for name, (algorithm, _) in BANKS.items()}
    if ALG_SHA256 not in selected or not selected.keys() <= known.keys():
        raise EvidenceError(
            Refusal.ALG_MISMATCH, "quote is not over PCRs of the SHA-256 bank, or also of others"
        )
    wanted = {known[algorithm]: indices for algorithm, indices in selected.items()}
    given = {name: tuple(sorted(bank)) for name, bank in values.items()}
    if wanted != given:
        raise EvidenceError(
            Refusal.PCR_DIGEST_MISMATCH, "PCR values are not those of the quote's selection"
        )


def digest_of(selections: Sequence[PcrSelection], values: PcrValues, hash_algorithm: int) -> bytes:
    """Return the digest a quote over these values has: banks as selected, PCRs rising.

    `require_selected` has to hold; `hash_algorithm` is that of the signature.
    """
    names = {algorithm: name for name, (algorithm, _) in BANKS.items()}
    digest = hashlib.new(HASH_NAMES[hash_algorithm])
    for one in selections:
        for index in one.indices:
            digest.update(values[names[one.algorithm]][index])
    return digest.digest()


def extend(value: bytes, digest: bytes, bank: str = "sha256") -> bytes:
    """Return what a PCR holds after TPM2_PCR_Extend with `digest`."""
    return hashlib.new(bank, value + digest).digest()


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"PCR values: {detail}")
