"""Files with endorsements, whatever their form, and the bundle that a site signs for another.

Endorsements are material: what is in them is signed by vendors and judged by verifiers. The
signature around a bundle says who collected it, and keeps a stranger from filling a store.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sealwasm.failure import CliError, Kind
from sealwasm.files import read_file

if TYPE_CHECKING:
    from attestation.bundle import Bundle
    from attestation.endorsement_store.store import EndorsementStore
    from attestation.endorsements import Endorsements
    from attestation.trust import TrustAnchors
    from sealing.keys import Signer, VerifyingKey

Clock = Callable[[], datetime]

# A DSSE envelope has at most this (sealing.limits); a bare bundle is smaller.
BUNDLE_FILE_BYTES = 4 << 20


def default_store() -> Path:
    """Return the folder where endorsements are kept unless another is named."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    base = Path(cache) if cache.startswith("/") else Path.home() / ".cache"
    return base / "sealwasm" / "endorsements"


def sign_bundle(bundle: Bundle, key: Signer) -> bytes:
    """Return the signed form of a bundle."""
    from attestation.bundle import BUNDLE_TYPE
    from sealing.signatures import dsse

    return dsse.sign(BUNDLE_TYPE, bundle.to_bytes(), [key])


def open_bundle(data: bytes, keys: Sequence[VerifyingKey], *, name: str) -> Bundle:
    """Return the bundle in a signed file. Raises `CliError` unless one of `keys` signed it."""
    from attestation.bundle import BUNDLE_TYPE, parse_bundle
    from sealing.errors import SealError
    from sealing.signatures import dsse

    try:
        payload = dsse.verify(data, payload_type=BUNDLE_TYPE, keys=keys)
    except SealError as error:
        raise CliError(
            Kind.EVIDENCE,
            error.code.value,
            f"{name} is not a bundle of endorsements signed by a key that was named",
            why=error.detail,
            next_step="--key FILE, the public key of whoever exported it",
        ) from error
    return parse_bundle(payload)


def read_bundle(path: str, keys: Sequence[VerifyingKey]) -> Bundle:
    """Return the bundle in a file: signed by one of `keys`, or bare where none is named."""
    from attestation.bundle import parse_bundle

    data = read_file(path, limit_bytes=BUNDLE_FILE_BYTES)
    if keys:
        return open_bundle(data, keys, name=path)
    if is_signed(data):
        raise CliError(
            Kind.USAGE,
            "bundle-signed",
            f"{path} is signed and no key was named to check that with",
            next_step="--key FILE, the public key of whoever exported it",
        )
    return parse_bundle(data)


def is_signed(data: bytes) -> bool:
    """Return whether a file has the signed form; nothing is verified."""
    return data.startswith(b'{"payload":')


def store_at(folder: str | None, *, anchors: TrustAnchors, clock: Clock) -> EndorsementStore:
    """Return the store in a folder, or the default one, without a network behind it."""
    from attestation.endorsement_store.store import EndorsementStore

    return EndorsementStore(
        Path(folder) if folder else default_store(), anchors=anchors, clock=clock
    )


def load_endorsements(
    paths: Iterable[str], *, anchors: TrustAnchors, clock: Clock, keys: Sequence[VerifyingKey] = ()
) -> Endorsements:
    """Return what the named files and stores hold, ready for a verifier.

    A path is the folder of a store, a bundle (signed by one of `keys`, or bare where no key is
    named), Intel collateral, or certificates and revocation lists as DER or PEM. Not checked:
    signatures of vendors, dates, trust. Raises `CliError` and `EvidenceError`.
    """
    from attestation.endorsements import Endorsements

    found = Endorsements.none()
    for path in paths:
        if Path(path).is_dir():
            found = found.joined(store_at(path, anchors=anchors, clock=clock).endorsements())
        else:
            found = found.joined(_file(path, keys))
    return found


def _file(path: str, keys: Sequence[VerifyingKey]) -> Endorsements:
    from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
    from attestation.x509.pem import looks_like_pem

    data = read_file(path, limit_bytes=BUNDLE_FILE_BYTES)
    if data.startswith((b'{"documents":', b'{"payload":')):
        return read_bundle(path, keys).to_endorsements()
    if data.lstrip().startswith(b"{"):
        kind = DocumentKind.INTEL_COLLATERAL
        return Endorsements.parse([], documents=[GivenDocument.of(kind, data)])
    if data.lstrip().startswith(b"<"):
        return Endorsements.parse([], documents=[GivenDocument.of(DocumentKind.NVIDIA_RIM, data)])
    if looks_like_pem(data) and b"-----BEGIN X509 CRL-----" in data:
        return Endorsements.parse([], [data])
    return _der(data)


def _der(data: bytes) -> Endorsements:
    """Return a certificate (or several as PEM) or a revocation list; the bytes do not say which."""
    from attestation.endorsements import Endorsements
    from attestation.errors import EvidenceError

    try:
        return Endorsements.parse([data])
    except EvidenceError:
        return Endorsements.parse([], [data])
