"""Cases about the attestation key, its certificates, their dates and revocation lists."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from attestation.simulated.authority import Period, derive_key, name_of, serial_of
from attestation.simulated.tpm.machine import AK_ATTRIBUTES
from attestation.tpm import constants as c
from attestation.tpm.public import encode_public
from tests.fakes.silicon import NOW
from tests.fakes.tpm import VENDOR, rsa_key
from tests.vectors.tpm_cases import (
    CAS,
    DAY,
    GOOD,
    Change,
    at,
    case,
    part,
    pem,
    public_of,
    spki,
    without,
)

SECOND = timedelta(seconds=1)
STRANGER = VENDOR.stranger()
ROOT_LIST, CA_LIST = VENDOR.lists()
LEAF = VENDOR.certificate()
AREA = GOOD["ak_public"]
RSA_AREA = encode_public(rsa_key("ak").public_key(), attributes=AK_ATTRIBUTES, scheme=c.ALG_RSASSA)
PERIOD = VENDOR.current()
USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
ENCRYPTS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=True,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def leaf(*extensions: tuple[x509.ExtensionType, bool], digest=None, key=None) -> bytes:
    """Return a certificate of the attestation key with these extensions and whether critical."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(VENDOR.ca.name)
        .public_key(public_of())
        .serial_number(77)
        .not_valid_before(PERIOD.start)
        .not_valid_after(PERIOD.end)
    )
    for one, critical in extensions:
        builder = builder.add_extension(one, critical=critical)
    signed = builder.sign(key or VENDOR.ca.key, digest or hashes.SHA256(), ecdsa_deterministic=True)
    return signed.public_bytes(Encoding.DER)


def chain(*certificates: bytes) -> Change:
    """Give this chain."""
    return part(ak_chain=pem(*certificates))


def area(**changes: int) -> Change:
    """Show the attestation key with another public area."""
    given = {"attributes": AK_ATTRIBUTES, "scheme": c.ALG_ECDSA} | changes
    return part(ak_public=encode_public(public_of(), **given))


SHORT_CA = VENDOR.root.issue_ca(
    "SIMULATED-TPM Attestation Key CA",
    derive_key(VENDOR.secret, "tpm ca"),
    PERIOD,
    path_length=0,
    organization="sealwasm simulated silicon",
    unit="platform 7e57c0de",
)
DEEP_CA = SHORT_CA.issue_ca("SIMULATED-TPM Second CA", derive_key(VENDOR.secret, "deep"), PERIOD)
DEEP_LEAF = DEEP_CA.issue("TPM attestation key", public_of(), PERIOD)
# Signed with a key whose certificate does not make it a CA.
NO_CA = VENDOR.ca.issue("TPM attestation key", public_of("other"), PERIOD)
BELOW = (
    x509.CertificateBuilder()
    .subject_name(name_of("TPM attestation key"))
    .issuer_name(name_of("TPM attestation key"))
    .public_key(public_of())
    .serial_number(78)
    .not_valid_before(PERIOD.start)
    .not_valid_after(PERIOD.end)
    .add_extension(USAGE, critical=True)
    .sign(VENDOR.ak("other"), hashes.SHA256(), ecdsa_deterministic=True)
    .public_bytes(Encoding.DER)
)
FORGED = leaf((USAGE, True), key=VENDOR.ak("other"))
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
ALTERNATIVE = x509.SubjectAlternativeName([x509.DNSName("tpm.invalid")])

KEYS = (
    case(
        "no-key",
        "K1: nothing about the key",
        "no-endorsement",
        change=without("ak_public", "ak_chain"),
    ),
    case("no-chain", "K1: a key without a chain", "no-endorsement", fault="no-certificate"),
    case(
        "named-key",
        "K1: a key the caller named needs no chain, list or date",
        fault="no-certificate",
        anchors="keys",
        keys=[spki(public_of())],
        crls=[],
    ),
    case(
        "named-key-unsaid",
        "K1: evidence need not show the key",
        change=without("ak_public", "ak_chain"),
        anchors="keys",
        keys=[spki(public_of("other")), spki(public_of())],
    ),
    case(
        "named-other",
        "K2: another key than those named",
        "untrusted-key",
        fault="no-certificate",
        anchors="keys",
        keys=[spki(public_of("other"))],
    ),
    case(
        "public-cut", "K3: the last byte is missing", "malformed", change=part(ak_public=AREA[:-1])
    ),
    case(
        "public-trailing",
        "K3: one byte behind",
        "trailing-data",
        change=part(ak_public=AREA + b"\0"),
    ),
    case(
        "public-sealed",
        "K3: no key but sealed data",
        "alg-mismatch",
        change=part(ak_public=at(0, b"\0\x08")(AREA)),
    ),
    case(
        "public-sha1",
        "K3: named by SHA-1",
        "alg-mismatch",
        change=part(ak_public=at(2, b"\0\x04")(AREA)),
    ),
    case(
        "public-curve",
        "K3: an unknown curve",
        "alg-mismatch",
        change=part(ak_public=at(16, b"\0\x20")(AREA)),
    ),
    case(
        "public-1024",
        "K3: RSA with 1024 bits",
        "alg-mismatch",
        change=part(ak_public=at(16, b"\4\0")(RSA_AREA)),
    ),
    case(
        "public-off-curve",
        "K3: no point on its curve",
        "malformed",
        change=part(ak_public=AREA[:-1] + bytes([AREA[-1] ^ 1])),
    ),
    case("public-spki", "K3: as SubjectPublicKeyInfo", change=part(ak_public=spki(public_of()))),
    case(
        "public-not-spki",
        "K3: starts as one and is none",
        "malformed",
        change=part(ak_public=b"\x30\x00"),
    ),
    case("unrestricted", "K4: signs anything", "signing-key-not-allowed", fault="unrestricted-key"),
    case("imported", "K4: made outside the TPM", "signing-key-not-allowed", fault="imported-key"),
    case(
        "leaves",
        "K4: may leave its TPM",
        "signing-key-not-allowed",
        change=area(attributes=AK_ATTRIBUTES & ~c.FIXED_TPM),
    ),
    case(
        "decrypts",
        "K4: also decrypts",
        "signing-key-not-allowed",
        change=area(attributes=AK_ATTRIBUTES | c.DECRYPT),
    ),
    case(
        "any-scheme",
        "K4: without a scheme",
        "signing-key-not-allowed",
        change=area(scheme=c.ALG_NULL),
    ),
    case("other-shown", "K5: shows another key", "binding", fault="other-key-shown"),
    case(
        "rsa-shown", "K5: shows a key of another type", "binding", change=part(ak_public=RSA_AREA)
    ),
    case(
        "of-ca", "K6: a certificate of a CA", "signing-key-not-allowed", fault="certificate-of-ca"
    ),
    case(
        "of-ek",
        "K6: a certificate of an endorsement key",
        "signing-key-not-allowed",
        fault="certificate-of-ek",
    ),
    case(
        "no-usage", "K6: without key usage", "signing-key-not-allowed", change=chain(leaf(), *CAS)
    ),
    case(
        "encrypts",
        "K6: key usage is encryption",
        "signing-key-not-allowed",
        change=chain(leaf((ENCRYPTS, True)), *CAS),
    ),
    case(
        "not-a-ca",
        "K6: basic constraints say that it is none",
        change=chain(
            leaf((USAGE, True), (x509.BasicConstraints(ca=False, path_length=None), True)), *CAS
        ),
    ),
)
CHAINS = (
    case(
        "chain-der",
        "K7: the leaf as DER, its issuers among the endorsements",
        change=part(ak_chain=LEAF),
        certificates=CAS,
    ),
    case("chain-order", "K7: issuers in any order", change=chain(LEAF, *reversed(CAS))),
    case("chain-empty", "K7: no bytes", "malformed", change=part(ak_chain=b"")),
    case(
        "chain-not-der",
        "K7: no certificate",
        "malformed",
        change=part(ak_chain=b"\x30\x03\x02\x01\x00"),
    ),
    case("chain-gap", "K7: no issuer", "untrusted-chain", change=chain(LEAF, CAS[1])),
    case(
        "stranger",
        "K7: another vendor with real-looking names",
        "untrusted-chain",
        fault="signed-by-stranger",
    ),
    case(
        "simulated",
        "K7: a simulated root that nobody trusted",
        "simulated-not-trusted",
        anchors="vendor",
    ),
    case(
        "issuer-no-ca",
        "K8: the issuer is no CA",
        "untrusted-chain",
        change=chain(BELOW, NO_CA, *CAS),
    ),
    case(
        "too-deep",
        "K8: a CA below one that allows none",
        "untrusted-chain",
        change=chain(DEEP_LEAF, DEEP_CA.certificate, *CAS),
    ),
    case(
        "unknown-critical",
        "K8: an unknown critical extension",
        "untrusted-chain",
        change=chain(leaf((USAGE, True), (UNKNOWN, True)), *CAS),
    ),
    case(
        "alternative-name",
        "K8: no subject but a critical alternative name",
        change=chain(leaf((USAGE, True), (ALTERNATIVE, True)), *CAS),
    ),
    case(
        "sha224",
        "K9: signed with SHA-224",
        "alg-mismatch",
        change=chain(leaf((USAGE, True), digest=hashes.SHA224()), *CAS),
    ),
    case(
        "sha512",
        "K9: signed with SHA-512",
        change=chain(leaf((USAGE, True), digest=hashes.SHA512()), *CAS),
    ),
    case(
        "forged",
        "K10: by another key under the CA's name",
        "signature-invalid",
        change=chain(FORGED, *CAS),
    ),
    case(
        "ca-forged",
        "K10: a CA by another key under the root's name",
        "signature-invalid",
        change=chain(LEAF, CAS[0][:-1] + bytes([CAS[0][-1] ^ 1]), CAS[1]),
    ),
)
FUTURE = Period(NOW + DAY, NOW + 2 * DAY)
PAST = Period(NOW - 2 * DAY, NOW - SECOND)
LATER = Period(NOW - SECOND, NOW + DAY)
AK_SERIAL = [serial_of("TPM attestation key", public_of())]
OTHER_LIST = STRANGER.root.crl(LATER)
UNSIGNED_LIST = CA_LIST[:-1] + bytes([CA_LIST[-1] ^ 1])
DATES = (
    case(
        "first-second",
        "D1: the first second",
        now=PERIOD.start,
        crls=[],
        crl_policy="unsafe-not-required",
    ),
    case("future", "D1: not valid yet", "cert-not-yet-valid", fault="future-certificate"),
    case(
        "last-second",
        "D2: the last second",
        now=PERIOD.end,
        crls=[],
        crl_policy="unsafe-not-required",
    ),
    case("expired", "D2: out of date", "cert-expired", fault="expired-certificate"),
    case("expired-by-a-second", "D2: a second later", "cert-expired", now=PERIOD.end + SECOND),
    case("no-lists", "D3: no list", "crl-missing", crls=[]),
    case(
        "no-lists-wanted", "D3: no list, and none wanted", crls=[], crl_policy="unsafe-not-required"
    ),
    case("one-list", "D3: the root's list only", "crl-issuer-mismatch", crls=[ROOT_LIST]),
    case("lists-of-others", "D3: lists of others only", "crl-issuer-mismatch", crls=[OTHER_LIST]),
    case(
        "newest-list",
        "D3: an older list named the key",
        crls=[
            ROOT_LIST,
            CA_LIST,
            VENDOR.ca.crl(Period(NOW - 30 * DAY, NOW + DAY), revoked=AK_SERIAL),
        ],
    ),
    case(
        "list-forged",
        "D4: not signed by the CA",
        "collateral-signature-invalid",
        crls=[ROOT_LIST, UNSIGNED_LIST],
    ),
    case(
        "list-future",
        "D5: a list of the future",
        "collateral-not-yet-valid",
        crls=[ROOT_LIST, VENDOR.ca.crl(FUTURE)],
    ),
    case(
        "list-expired",
        "D6: a list out of date",
        "crl-expired",
        crls=[ROOT_LIST, VENDOR.ca.crl(PAST)],
    ),
    case(
        "list-expired-unwanted",
        "D6: a list counts also where none is wanted",
        "crl-expired",
        crls=[VENDOR.ca.crl(PAST)],
        crl_policy="unsafe-not-required",
    ),
    case(
        "revoked",
        "D7: the key is on its CA's list",
        "cert-revoked",
        crls=VENDOR.lists(ak_revoked=True),
    ),
    case(
        "revoked-ca",
        "D7: the CA is on the root's list",
        "cert-revoked",
        crls=VENDOR.lists(ca_revoked=True),
    ),
    case(
        "held",
        "D7: the key is on hold",
        "cert-on-hold",
        crls=[ROOT_LIST, VENDOR.ca.crl(LATER, revoked=AK_SERIAL, on_hold=True)],
    ),
)
