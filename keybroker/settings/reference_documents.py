"""Reference values in files: bare, or in a DSSE envelope that says who vouches for them."""

from __future__ import annotations

from collections.abc import Sequence

from attestation.errors import EvidenceError, Refusal
from attestation.reference import REFERENCES_TYPE, ReferenceValues
from sealing.keys import Signer, VerifyingKey
from sealing.signatures import dsse


def sign_references(values: ReferenceValues, keys: Sequence[Signer]) -> bytes:
    """Return the signed form. Raises `SealError` if no key is given or one is there twice."""
    return dsse.sign(REFERENCES_TYPE, values.to_bytes(), keys)


def read_references(data: bytes, signers: Sequence[VerifyingKey]) -> ReferenceValues:
    """Return the values of a document that one of `signers` signed, or of a bare one if none is.

    Raises `SealError` for a signature that is missing, wrong or of somebody else, `EvidenceError`
    for a document that is not one, and for a signed one where no signer is named: nobody has
    said whose word counts.
    """
    if signers:
        data = dsse.verify(data, payload_type=REFERENCES_TYPE, keys=signers)
    elif is_signed(data):
        raise EvidenceError(Refusal.UNTRUSTED_KEY, "reference values are signed, by whom is open")
    return ReferenceValues.parse(data)


def is_signed(data: bytes) -> bool:
    """Return whether a file has the signed form; nothing is verified."""
    return data.startswith(b'{"payload":')
