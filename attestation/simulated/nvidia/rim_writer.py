"""Writes signed reference manifests in the form of NVIDIA's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.encoding import b64encode
from attestation.signed_xml.canonical import canonicalize
from attestation.signed_xml.signature import C14N_11, DSIG, ECDSA_SHA384, ENVELOPED, SHA384
from attestation.signed_xml.tree import Element, find_all, parse_xml
from attestation.simulated.nvidia.report_writer import sign_raw
from attestation.verifiers.nvidia.rim import HASHES, SWID

_TCG = (
    "https://trustedcomputinggroup.org/resource/"
    "tcg-reference-integrity-manifest-rim-information-model/"
)
_INDEXES = 64
_INACTIVE = bytes(48)


def build_body(
    product: str,
    version: str,
    golden: Mapping[int, Sequence[bytes]],
    *,
    edition: str = "GPU",
    indexes: int = _INDEXES,
) -> str:
    """Return the manifest up to where its signature goes, and without the last tag.

    `golden` has the right digests by index, counted from 0; all others are listed as inactive.
    """
    tag = hashlib.sha384(f"{product} {version}".encode()).hexdigest()
    resources = "\n".join(_resource(index, golden.get(index)) for index in range(indexes))
    return f"""<SoftwareIdentity xmlns="{SWID}" xmlns:ns0="{SWID}" xmlns:ns2="{HASHES}" \
corpus="false" name="{product}" patch="false" supplemental="false" tagId="{tag}" version="1.0" \
tagVersion="0">
    <ns0:Entity name="SIMULATED-NVIDIA" role="softwareCreator tagCreator"/>
    <ns0:Meta xmlns:ns1="{_TCG}" colloquialVersion="{version}" edition="{edition}" \
product="{product}" revision="r1" PayloadType="direct" ns1:BindingSpec="RIMIM" \
ns1:PlatformModel="{product}"/>
    <ns0:Payload xmlns:SHA384="{HASHES}">
{resources}
    </ns0:Payload>
"""


def _resource(index: int, digests: Sequence[bytes] | None) -> str:
    listed = digests or [_INACTIVE]
    hashes = " ".join(f'ns2:Hash{number}="{one.hex()}"' for number, one in enumerate(listed))
    return (
        f'        <ns0:Resource type="Measurement" index="{index}" active="{digests is not None}" '
        f'alternatives="{len(listed)}" {hashes} name="Measurement_{index}" size="48"/>'
    )


def sign_rim(
    body: str, key: ec.EllipticCurvePrivateKey, chain: Sequence[bytes], *, digest: bytes = b""
) -> bytes:
    """Return the whole document; `digest` replaces the right one."""
    unsigned = parse_xml(f"{body}</SoftwareIdentity>".encode())
    info = signed_info(digest or hashlib.sha384(canonicalize(unsigned)).digest())
    # The signed form of SignedInfo has the namespaces that it inherits where it stands.
    draft = _document(body, info, "", chain)
    value = sign_raw(key, canonicalize(_signed_info_of(parse_xml(draft.encode()))))
    return _document(body, info, b64encode(value), chain).encode()


def signed_info(digest: bytes, **algorithms: str) -> str:
    """Return SignedInfo; `algorithms` replace those of the profile."""
    used = {"canonical": C14N_11, "method": ECDSA_SHA384, "digest": SHA384, "uri": ""} | algorithms
    return (
        "<ds:SignedInfo>"
        f'<ds:CanonicalizationMethod Algorithm="{used["canonical"]}"/>'
        f'<ds:SignatureMethod Algorithm="{used["method"]}"/>'
        f'<ds:Reference URI="{used["uri"]}"><ds:Transforms>'
        f'<ds:Transform Algorithm="{ENVELOPED}"/><ds:Transform Algorithm="{C14N_11}"/>'
        f'</ds:Transforms><ds:DigestMethod Algorithm="{used["digest"]}"/>'
        f"<ds:DigestValue>{b64encode(digest)}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )


def _document(body: str, info: str, value: str, chain: Sequence[bytes]) -> str:
    certificates = "".join(
        f"<ds:X509Certificate>{b64encode(one)}\n</ds:X509Certificate>" for one in chain
    )
    return (
        f'{body}<ds:Signature xmlns:ds="{DSIG}">{info}<ds:SignatureValue>{value}'
        f"</ds:SignatureValue><ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo>"
        "</ds:Signature></SoftwareIdentity>"
    )


def _signed_info_of(root: Element) -> Element:
    return find_all(root, (DSIG, "SignedInfo"))[0]
