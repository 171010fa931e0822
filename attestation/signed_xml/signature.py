"""An enveloped XML signature over a whole document, in one profile (W3C XML-DSig 1.1).

One signature, a child of the root; one reference, to the document without the signature; Canonical
XML 1.1; SHA-384; ECDSA with SHA-384 on P-384. Whoever reads the tree afterwards reads what was
signed, all of it and nothing else: there is no way to sign one part and show another.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attestation.encoding import b64decode
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_PATH_CERTIFICATES
from attestation.signed_xml.canonical import canonicalize
from attestation.signed_xml.tree import Element, find_all
from attestation.x509.certificate import Certificate, parse_certificate
from attestation.x509.der import malformed
from attestation.x509.signatures import load_p384

DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
C14N_11: Final = "http://www.w3.org/2006/12/xml-c14n11"
ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
ECDSA_SHA384: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
SHA384: Final = "http://www.w3.org/2001/04/xmldsig-more#sha384"
_DIGEST_BYTES: Final = 48
_SIGNATURE_BYTES: Final = 96


@dataclass(frozen=True, slots=True)
class XmlSignature:
    """The parsed signature of a document. Nothing in it has been checked against anything.

    `certificates` are those it brings, the signer's first.
    """

    element: Element = field(repr=False)
    signed_info: Element = field(repr=False)
    digest: bytes = field(repr=False)
    value: bytes = field(repr=False)
    certificates: tuple[Certificate, ...] = field(repr=False)


def parse_signature(root: Element) -> XmlSignature:
    """Return the one signature of the document.

    Raises `EvidenceError`: `malformed` for another structure, `alg-mismatch` for another algorithm.
    """
    found = find_all(root, (DSIG, "Signature"))
    if len(found) != 1 or found[0] not in root.children:
        raise malformed("document does not have one signature as a child of its root")
    (element,) = found
    info, value, key_info = _children(element, "SignedInfo", "SignatureValue", "KeyInfo")
    method, algorithm, reference = _children(
        info, "CanonicalizationMethod", "SignatureMethod", "Reference"
    )
    _expect_algorithm(method, C14N_11)
    _expect_algorithm(algorithm, ECDSA_SHA384)
    return XmlSignature(
        element,
        info,
        _parse_reference(reference),
        _binary(value, _SIGNATURE_BYTES),
        _certificates(key_info),
    )


def verify_signature(root: Element, signature: XmlSignature, spki: bytes) -> None:
    """Return if the key in `spki` signed the whole document but for the signature itself.

    Raises `EvidenceError`: `collateral-signature-invalid`, or `alg-mismatch` for another key.
    """
    key = load_p384(spki)
    half = _SIGNATURE_BYTES // 2
    r, s = (
        int.from_bytes(part, "big") for part in (signature.value[:half], signature.value[half:])
    )
    signed = canonicalize(signature.signed_info)
    try:
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA384()))
    except InvalidSignature as error:
        raise _invalid("signature over SignedInfo does not verify") from error
    digest = hashlib.sha384(canonicalize(root, without=signature.element)).digest()
    if not hmac.compare_digest(digest, signature.digest):
        raise _invalid("document is not the one that was signed")


def _parse_reference(reference: Element) -> bytes:
    if dict(reference.attributes) != {("", "URI"): ""}:
        raise malformed("signature does not refer to the whole document")
    transforms, method, value = _children(reference, "Transforms", "DigestMethod", "DigestValue")
    enveloped, canonical = _children(transforms, "Transform", "Transform")
    _expect_algorithm(enveloped, ENVELOPED)
    _expect_algorithm(canonical, C14N_11)
    _expect_algorithm(method, SHA384)
    return _binary(value, _DIGEST_BYTES)


def _certificates(key_info: Element) -> tuple[Certificate, ...]:
    (data,) = _children(key_info, "X509Data")
    listed = list(data.elements())
    names = {one.name for one in listed}
    if names != {(DSIG, "X509Certificate")} or len(listed) > MAX_PATH_CERTIFICATES:
        raise malformed(f"X509Data is not 1 to {MAX_PATH_CERTIFICATES} certificates")
    return tuple(parse_certificate(_base64(one)) for one in listed)


def _children(parent: Element, *names: str) -> Sequence[Element]:
    children = list(parent.elements())
    if [one.name for one in children] != [(DSIG, name) for name in names]:
        raise malformed(f"{parent.written} does not consist of {', '.join(names)}")
    return children


def _expect_algorithm(element: Element, algorithm: str) -> None:
    if dict(element.attributes) != {("", "Algorithm"): algorithm}:
        raise EvidenceError(Refusal.ALG_MISMATCH, f"{element.written} is not {algorithm}")
    if element.children:
        raise malformed(f"{element.written} has content")


def _binary(element: Element, size: int) -> bytes:
    value = _base64(element)
    if len(value) != size:
        raise malformed(f"{element.written} is {len(value)} bytes, expected {size}")
    return value


def _base64(element: Element) -> bytes:
    # Lines may be broken anywhere (XML Schema part 2, section 3.2.16).
    text = element.text().translate({ord(space): None for space in " \t\r\n"})
    return b64decode(text, what=element.written)


def _invalid(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.COLLATERAL_SIGNATURE_INVALID, detail)
