"""The machine's side of an enrolment: which TPM this is, its attestation key, proof of both.

The other side is whoever made the credential (docs/specs/attestation-keys.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from attestation.errors import EvidenceError
from attestation.tpm.client import LoadedKey, Tpm
from attestation.tpm.codes import TpmError
from attestation.tpm.templates import AK_ECC, EK_TEMPLATES, ENDORSEMENT, EkTemplate
from attestation.x509.certificate import parse_certificate
from attestation.x509.signatures import load_spki

_SEQUENCE_WITH_LENGTH: Final = b"\x30\x82"
_HEAD_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Endorsement:
    """An endorsement key that its maker certified: how to make it, and that certificate (DER)."""

    template: EkTemplate
    certificate: bytes = field(repr=False)


def find_endorsement(tpm: Tpm) -> Endorsement:
    """Return the first endorsement key with a certificate in the TPM. Raises `TpmError`."""
    why = []
    for template in EK_TEMPLATES:
        try:
            stored = tpm.nv_read(template.certificate_index)
        except TpmError as error:
            if error.code is None:
                raise
            why.append(f"{template.name}: {error}")
        else:
            return Endorsement(template, _certificate(stored))
    raise TpmError(f"the TPM holds no certificate of its endorsement key ({'; '.join(why)})")


def _certificate(stored: bytes) -> bytes:
    """Return the certificate without what pads the NV index."""
    if stored[:2] != _SEQUENCE_WITH_LENGTH:
        raise TpmError.unreadable("its EK certificate is not DER")
    return stored[: _HEAD_BYTES + int.from_bytes(stored[2:_HEAD_BYTES], "big")]


@contextmanager
def attestation_key(tpm: Tpm, template: bytes = AK_ECC) -> Iterator[LoadedKey]:
    """Give this TPM's attestation key: always the same one, as long as nobody clears the TPM."""
    with _primary(tpm, template) as key:
        yield key


@contextmanager
def _primary(tpm: Tpm, template: bytes) -> Iterator[LoadedKey]:
    key = tpm.create_primary(ENDORSEMENT, template)
    try:
        yield key
    finally:
        tpm.flush(key.handle)


def open_credential(
    tpm: Tpm, endorsement: Endorsement, *, credential: bytes, secret: bytes
) -> bytes:
    """Return what a credential for this TPM and its attestation key holds. Raises `TpmError`.

    `TpmError` also if the endorsement key is not the one of the certificate: then nobody could
    have made a credential that opens.
    """
    with _primary(tpm, endorsement.template.area) as ek, attestation_key(tpm) as ak:
        _require_certified(ek, endorsement.certificate)
        return tpm.activate_credential(ak, ek, credential=credential, secret=secret)


def _require_certified(ek: LoadedKey, certificate: bytes) -> None:
    try:
        certified = load_spki(parse_certificate(certificate).spki)
    except EvidenceError as error:
        raise TpmError.unreadable(f"its EK certificate: {error.detail}") from error
    if certified.public_numbers() != ek.public.key.public_numbers():
        raise TpmError("the TPM's EK certificate is of another key: it may have been cleared")
