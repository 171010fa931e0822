"""Vectors of docs/specs/evidence-nitro.md: signature, chain, dates and revocation."""

from __future__ import annotations

from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from attestation.simulated.authority import Authority, Period, derive_key
from attestation.simulated.nitro.document_writer import encode_sign1
from attestation.x509.certificate import parse_certificate
from tests.vectors.nitro_cases import (
    GOOD,
    HOUR,
    HOURS,
    INSTANCE,
    ISSUERS,
    LEAF,
    NOW,
    OTHER_KEY,
    PAYLOAD,
    REGION,
    ROOT,
    SECOND,
    VENDOR,
    ZONE,
    Case,
    bad,
    ca,
    certificate,
    enclave,
    faulty,
    good,
    issuer_with,
    made_by,
    saying,
    under,
    usage,
)

SIGNED, CHAIN, DATES, LISTS = "signature", "chain", "validity", "revocation"
P256_KEY = derive_key(VENDOR.secret, "p256", ec.SECP256R1())
SIGNS = (usage(digital_signature=True), False)
ODD = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
LEAF_SERIAL = parse_certificate(LEAF.certificate).serial
ZONE_SERIAL = parse_certificate(ZONE.certificate).serial


def untrusted(name: str, why: str, document: bytes, **options: object) -> Case:
    return bad(name, why, "untrusted-chain", CHAIN, document, **options)


def with_bundle(*certificates: bytes) -> bytes:
    return saying(cabundle=list(certificates))


def forged(issuer: Authority) -> Authority:
    """Return somebody who has only the issuer's name."""
    return replace(issuer, key=OTHER_KEY)


BUNDLE = [one.certificate for one in ISSUERS]
LEAF_AS_ISSUER = Authority(
    x509.load_der_x509_certificate(LEAF.certificate).subject, LEAF.key, LEAF.certificate
)
NO_LISTS = issuer_with((ca(), True), (usage(key_cert_sign=True), True))
STRANGER = replace(VENDOR, is_stranger=True).root()
PAST = Period(NOW - 3 * HOUR, NOW - HOUR)
OLD = {"max_age_seconds": 4 * 3600}

SIGNATURES = (
    bad("leaf-junk", "G1: a certificate", "malformed", SIGNED, saying(certificate=b"\x30\x00")),
    bad(
        "leaf-p256",
        "G1: on P-384",
        "alg-mismatch",
        SIGNED,
        saying(certificate=INSTANCE.issue("SIMULATED-odd", P256_KEY.public_key(), HOURS)),
    ),
    faulty("tampered", "G2: signed bytes", "signature-invalid", SIGNED, "tampered"),
    faulty("other-key", "G2: by the leaf", "signature-invalid", SIGNED, "signed-by-other-key"),
    faulty("short-signature", "G2: 96 bytes", "signature-invalid", SIGNED, "short-signature"),
    faulty("der-signature", "G2: not DER", "signature-invalid", SIGNED, "der-signature"),
    bad(
        "zero-signature",
        "G2: by the leaf",
        "signature-invalid",
        SIGNED,
        encode_sign1(PAYLOAD, bytes(96)),
    ),
    bad("last-bit", "G2: all of s", "signature-invalid", SIGNED, GOOD[:-1] + bytes([GOOD[-1] ^ 1])),
)

CHAINS = (
    good("leaf-below-root", "C4: any length", under(ROOT)),
    good(
        "leaf-may-sign",
        "C2: key usage",
        under(*ISSUERS, leaf=certificate(INSTANCE, extensions=[SIGNS])),
    ),
    bad(
        "bundle-junk",
        "C1: certificates",
        "malformed",
        CHAIN,
        with_bundle(BUNDLE[0], b"\x30\x00", *BUNDLE[2:]),
    ),
    bad(
        "bundle-trailing",
        "C1: nothing behind",
        "trailing-data",
        CHAIN,
        with_bundle(*BUNDLE[:3], BUNDLE[3] + b"\0"),
    ),
    faulty("leaf-is-ca", "C2: no CA", "untrusted-chain", CHAIN, "leaf-is-ca"),
    untrusted(
        "leaf-may-not-sign",
        "C2: key usage",
        under(
            *ISSUERS,
            leaf=certificate(INSTANCE, extensions=[(usage(key_agreement=True), True)]),
        ),
    ),
    untrusted(
        "leaf-no-usage", "C2: key usage", under(*ISSUERS, leaf=certificate(INSTANCE, extensions=[]))
    ),
    faulty("stranger", "C3: pinned", "untrusted-chain", CHAIN, "signed-by-stranger"),
    bad("vendor-only", "C3: pinned", "simulated-not-trusted", CHAIN, anchors="vendor"),
    faulty("reversed", "C3: the root first", "simulated-not-trusted", CHAIN, "bundle-reversed"),
    bad("no-root", "C3: the root first", "simulated-not-trusted", CHAIN, with_bundle(*BUNDLE[1:])),
    faulty("missing-issuer", "C4: each link", "untrusted-chain", CHAIN, "missing-issuer"),
    untrusted("swapped", "C4: in order", with_bundle(BUNDLE[0], BUNDLE[2], BUNDLE[1], BUNDLE[3])),
    faulty("no-ca-flag", "C4: CA flag", "untrusted-chain", CHAIN, "no-ca-flag"),
    faulty("path-too-long", "C4: path length", "untrusted-chain", CHAIN, "path-too-long"),
    untrusted(
        "issuer-may-not-sign",
        "C4: key usage",
        under(*ISSUERS[:3], issuer_with((ca(), True), (usage(crl_sign=True), True))),
    ),
    untrusted("leaf-issues", "C4: a leaf is no issuer", under(*ISSUERS, LEAF_AS_ISSUER)),
    untrusted(
        "leaf-critical",
        "C5: none unknown",
        under(*ISSUERS, leaf=certificate(INSTANCE, extensions=[SIGNS, ODD])),
    ),
    untrusted(
        "issuer-critical",
        "C5: none unknown",
        under(*ISSUERS[:3], issuer_with((ca(), True), (usage(key_cert_sign=True), True), ODD)),
    ),
    bad(
        "leaf-sha256",
        "C6: SHA-384",
        "alg-mismatch",
        CHAIN,
        under(*ISSUERS, leaf=certificate(INSTANCE, extensions=[SIGNS], digest=hashes.SHA256())),
    ),
    bad(
        "leaf-forged",
        "C7: by its issuer",
        "signature-invalid",
        CHAIN,
        under(*ISSUERS, leaf=certificate(forged(INSTANCE), extensions=[SIGNS])),
    ),
    bad(
        "issuer-forged",
        "C7: by its issuer",
        "signature-invalid",
        CHAIN,
        under(*ISSUERS[:3], forged(ZONE).issue_ca("SIMULATED-odd issuer", OTHER_KEY, HOURS)),
    ),
)

VALIDITY = (
    good("last-second", "V2: both ends inside", now=NOW + 3 * HOUR, policy=OLD),
    good("first-second", "V1: both ends inside", now=NOW - 3 * SECOND),
    good(
        "at-signed-time",
        "V2: archived",
        now=NOW + 999 * HOUR,
        policy={"unsafe_at_signed_time": True},
    ),
    faulty("future-leaf", "V1: notBefore", "cert-not-yet-valid", DATES, "future-leaf"),
    bad("too-early", "V1: notBefore", "cert-not-yet-valid", DATES, now=NOW - 4 * SECOND),
    faulty("expired-leaf", "V2: notAfter", "cert-expired", DATES, "expired-leaf"),
    bad("too-late", "V2: notAfter", "cert-expired", DATES, now=NOW + 3 * HOUR + SECOND, policy=OLD),
    bad(
        "expired-at-signed-time",
        "V2: also archived ones",
        "cert-expired",
        DATES,
        made_by(enclave("expired-leaf")),
        policy={"unsafe_at_signed_time": True},
    ),
)

REVOCATION = (
    good("lists-empty", "V3: given ones count", crls=(REGION.crl(HOURS), INSTANCE.crl(HOURS))),
    good("list-of-other", "V3: others do not", crls=(STRANGER.crl(PAST, revoked=[ZONE_SERIAL]),)),
    good(
        "list-newest",
        "V3: the newest counts",
        crls=(REGION.crl(PAST, revoked=[ZONE_SERIAL]), REGION.crl(HOURS)),
    ),
    bad(
        "list-by-mere-issuer",
        "V3: may sign lists",
        "crl-issuer-mismatch",
        LISTS,
        under(*ISSUERS[:3], NO_LISTS),
        crls=(NO_LISTS.crl(HOURS),),
    ),
    bad(
        "list-forged",
        "V3: signed",
        "collateral-signature-invalid",
        LISTS,
        crls=(forged(REGION).crl(HOURS),),
    ),
    bad(
        "list-of-the-future",
        "V4: thisUpdate",
        "collateral-not-yet-valid",
        LISTS,
        crls=(REGION.crl(Period(NOW + HOUR, NOW + 2 * HOUR)),),
    ),
    bad("list-expired", "V4: nextUpdate", "crl-expired", LISTS, crls=(REGION.crl(PAST),)),
    bad(
        "zone-revoked",
        "V5: not named",
        "cert-revoked",
        LISTS,
        crls=(REGION.crl(HOURS, revoked=[ZONE_SERIAL]),),
    ),
    bad(
        "leaf-revoked",
        "V5: not named",
        "cert-revoked",
        LISTS,
        crls=(INSTANCE.crl(HOURS, revoked=[LEAF_SERIAL]),),
    ),
    bad(
        "zone-on-hold",
        "V5: reason 6",
        "cert-on-hold",
        LISTS,
        crls=(REGION.crl(HOURS, revoked=[ZONE_SERIAL], on_hold=True),),
    ),
)
