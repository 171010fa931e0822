"""VCEK and VLEK certificates: what their AMD extensions say.

AMD document 57230 (VCEK certificate and KDS interface), section "VCEK certificate".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.errors import EvidenceError, Refusal
from attestation.verifiers.snp.products import PRODUCTS, Product
from attestation.x509 import der
from attestation.x509.certificate import Certificate
from attestation.x509.der import DerReader, malformed
from attestation.x509.signatures import load_p384

_AMD: Final = "1.3.6.1.4.1.3704.1"
_STRUCT_VERSION: Final = f"{_AMD}.1"
_PRODUCT_NAME: Final = f"{_AMD}.2"
_SPL: Final = f"{_AMD}.3."
HARDWARE_ID: Final = f"{_AMD}.4"
_CSP_ID: Final = f"{_AMD}.5"
# SPL extensions that are TCB parts; 4 to 7 are reserved ones (`Product.tcb_reserved`).
_SPL_PARTS: Final = {1: "bootloader", 2: "tee", 3: "snp", 8: "microcode", 9: "fmc"}
_MAX_STRUCT_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Vek:
    """The chip key (VCEK) or provider key (VLEK) that signs reports, and for which TCB."""

    product: Product
    signing_key: str
    tcb: bytes
    chip_id: bytes | None
    csp_id: str | None
    key: ec.EllipticCurvePublicKey = field(repr=False)


def parse_vek(certificate: Certificate, *, signing_key: str) -> Vek:
    """Return what the extensions of a VEK certificate say; `signing_key` is "vcek" or "vlek".

    Every extension under AMD's arc must be one we know: an unknown TCB part would go unchecked.
    Not checked: the certificate's signature. Raises `EvidenceError`.
    """
    values = {
        name: extension.value
        for name, extension in certificate.extensions.items()
        if name.startswith(f"{_AMD}.")
    }
    version = values.pop(_STRUCT_VERSION, b"")
    if _integer(version) > _MAX_STRUCT_VERSION:
        raise malformed("VEK certificate: unknown structure version")
    product = _product(values.pop(_PRODUCT_NAME, b""))
    chip_id = _chip_id(values.pop(HARDWARE_ID, None), product)
    csp_id = _csp_id(values.pop(_CSP_ID, None))
    if (chip_id is None) != (signing_key == "vlek"):
        raise malformed("VEK certificate: a VCEK names a chip and a VLEK does not")
    return Vek(
        product=product,
        signing_key=signing_key,
        tcb=_tcb(values, product),
        chip_id=chip_id,
        csp_id=csp_id,
        key=load_p384(certificate.spki),
    )


def _integer(content: bytes) -> int:
    fields = DerReader(content, what="VEK extension")
    value = fields.take_unsigned()
    fields.finish()
    return value


def _ia5(content: bytes) -> str:
    fields = DerReader(content, what="VEK extension")
    text = fields.take(der.IA5_STRING)
    fields.finish()
    try:
        return text.decode("ascii")
    except UnicodeDecodeError as error:
        raise malformed("VEK extension: not ASCII") from error


def _product(content: bytes) -> Product:
    # "Milan-B0" on a VCEK, "Milan" on a VLEK.
    name = _ia5(content).partition("-")[0]
    for product in PRODUCTS.values():
        if product.title == name:
            return product
    raise EvidenceError(Refusal.PRODUCT_MISMATCH, "VEK certificate: unknown product")


def _chip_id(content: bytes | None, product: Product) -> bytes | None:
    if content is None:
        return None
    size = product.chip_id_bytes
    # Raw bytes; certificates of early test services wrap them in an OCTET STRING.
    if len(content) == size + 2 and content[:2] == bytes([der.OCTET_STRING, size]):
        content = content[2:]
    if len(content) != size:
        raise malformed(f"VEK certificate: hardware id is {len(content)} bytes, expected {size}")
    return content


def _csp_id(content: bytes | None) -> str | None:
    return None if content is None else _ia5(content)


def _tcb(values: dict[str, bytes], product: Product) -> bytes:
    """Return the eight bytes a report of this VEK must carry as its reported TCB."""
    expected = {
        **{f"{_SPL}{number}": product.tcb.get(part) for number, part in _SPL_PARTS.items()},
        **{f"{_SPL}{number}": offset for number, offset in product.tcb_reserved.items()},
    }
    tcb = bytearray(8)
    for name, content in values.items():
        offset, value = expected.get(name), _integer(content)
        if offset is None or value > 0xFF:
            raise malformed(f"VEK certificate: extension {name} is unknown or out of range")
        tcb[offset] = value
    missing = {name for name, offset in expected.items() if offset is not None} - values.keys()
    if missing:
        raise malformed(f"VEK certificate: {len(missing)} TCB extensions are missing")
    return bytes(tcb)
