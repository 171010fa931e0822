"""Files of reference values, as the command line reads and writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sealwasm.failure import CliError, Kind
from sealwasm.files import read_file, write_file

if TYPE_CHECKING:
    from attestation.reference import ReferenceValue, ReferenceValues
    from sealing.keys import Signer, VerifyingKey

# A document of 1 MiB (attestation.limits) in its envelope.
REFERENCES_FILE_BYTES = 2 << 20


def load_references(path: str, signers: Sequence[VerifyingKey]) -> ReferenceValues:
    """Return the values of a file: signed by one of `signers`, or bare where none is named.

    Raises `CliError`, and `EvidenceError` for a document that is not one.
    """
    from keybroker.settings.reference_documents import is_signed, read_references
    from sealing.errors import SealError

    data = read_file(path, limit_bytes=REFERENCES_FILE_BYTES)
    if is_signed(data) and not signers:
        raise CliError(
            Kind.USAGE,
            "references-signed",
            f"{path} is signed and no key was named to check that with",
            next_step="--signer FILE, the public key of whoever signed it",
        )
    try:
        return read_references(data, signers)
    except SealError as error:
        raise CliError(
            Kind.EVIDENCE,
            error.code.value,
            f"{path} is not signed by a key that was named",
            why=error.detail,
            next_step="--signer FILE, the public key of whoever signed it",
        ) from error


def store_references(
    path: str, values: ReferenceValues, key: Signer | None, *, replace: bool = False
) -> None:
    """Write the document, signed if there is a key."""
    from keybroker.settings.reference_documents import sign_references

    data = values.to_bytes() if key is None else sign_references(values, [key])
    write_file(path, data, replace=replace)


def add_reference(
    path: str, value: ReferenceValue, key: Signer | None, signers: Sequence[VerifyingKey]
) -> ReferenceValues:
    """Add one value to a file, new or there already, and return what it holds now.

    A signed file stays signed: whoever adds to it signs it anew. Raises `CliError`.
    """
    from attestation.reference import ReferenceValues
    from keybroker.settings.reference_documents import is_signed

    known: tuple[ReferenceValue, ...] = ()
    if Path(path).exists():
        if key is None and is_signed(read_file(path, limit_bytes=REFERENCES_FILE_BYTES)):
            raise CliError(
                Kind.USAGE,
                "references-signed",
                f"{path} is signed: a value that is added needs a signature too",
                next_step="--sign-key FILE",
            )
        known = _known(path, key, signers)
    if any((one.tee, one.measurement) == (value.tee, value.measurement) for one in known):
        raise CliError(
            Kind.CONFLICT,
            "reference-known",
            f"{path} has that measurement already",
            next_step=f"sealwasm reference list {path}",
        )
    values = ReferenceValues.of([*known, value])
    store_references(path, values, key, replace=True)
    return values


def _known(
    path: str, key: Signer | None, signers: Sequence[VerifyingKey]
) -> tuple[ReferenceValue, ...]:
    from keybroker.settings.reference_documents import is_signed

    signed = is_signed(read_file(path, limit_bytes=REFERENCES_FILE_BYTES))
    trusted = [*signers, *([key.public] if key is not None else [])]
    # A bare file becomes a signed one when somebody signs for all that is in it.
    return load_references(path, trusted if signed else []).values
