"""Vectors of docs/specs/evidence-snp.md: certificates, dates and revocation."""

from __future__ import annotations

from typing import Any

from attestation.simulated import der_writer as w
from attestation.simulated.snp.certificates import Issuer, Validity, build_crl
from attestation.x509 import der
from attestation.x509.certificate import parse_certificate
from attestation.x509.signatures import PSS_SHA384
from tests.fakes.silicon import NOW, fixed_salt_signer_of
from tests.vectors.snp_cases import (
    DAY,
    MILAN,
    OTHER_PLATFORM,
    SILICON,
    STRANGER,
    Case,
    case,
    chain_of,
    extension_list,
    extensions_of,
    good,
    part,
    rebuilt,
    vek_of,
)

ASK, ASVK, ARK = MILAN.intermediate("vcek"), MILAN.intermediate("vlek"), MILAN.root()
ASK_PARSED, ASVK_PARSED = parse_certificate(ASK), parse_certificate(ASVK)
VEK = vek_of(MILAN)
VLEK = vek_of(MILAN, "vlek")
LONG = Validity(NOW - 400 * DAY, NOW + 4000 * DAY)
ROOT_CA = Issuer(ASK_PARSED.issuer, fixed_salt_signer_of("ark"))
# One arc of 2048 bytes: a number of 4315 decimal digits.
LONG_OID = extension_list(
    w.sequence(w.tlv(der.OBJECT_IDENTIFIER, b"\x81" * 2047 + b"\x01"), w.octets(b"x"))
)
SHA256_PSS = PSS_SHA384.replace(bytes.fromhex("0402020500"), bytes.fromhex("0402010500"))


def flipped(data: bytes) -> bytes:
    """Flip the lowest bit of the last byte."""
    return data[:-1] + bytes([data[-1] ^ 1])


def bad_vek(name: str, why: str, code: str, certificate: bytes) -> Case:
    return case(name, why, code, "chain", change=part("vek", certificate))


def bad_chain(name: str, why: str, code: str, *certificates: bytes, **options: Any) -> Case:
    return case(name, why, code, "chain", certificates=certificates, **options)


def bad_extension(name: str, why: str, code: str = "malformed", **changes: bytes | None) -> Case:
    return bad_vek(name, why, code, rebuilt(VEK, "ask", extensions=extensions_of(VEK, **changes)))


def crl(
    role: str = "ark", name: bytes = ROOT_CA.name, period: Validity = LONG, **more: Any
) -> bytes:
    return build_crl(Issuer(name, fixed_salt_signer_of(role)), validity=period, **more)


def dated(name: str, why: str, code: str, *crls: bytes, **options: Any) -> Case:
    return case(name, why, code, "revocation", crls=crls, **options)


def ask_with(**fields: bytes) -> bytes:
    return rebuilt(ASK_PARSED, "ark", **fields)


CHAINS = (
    bad_vek("vek-not-der", "C1: DER", "malformed", b"\x30\x80\x00\x00"),
    bad_vek("vek-long-length", "C1: shortest lengths", "malformed", b"\x30\x83\x00" + VEK.der[2:]),
    bad_vek("vek-empty", "C1: a part that is there is a certificate", "malformed", b""),
    bad_vek(
        "vek-long-oid",
        "C1: object identifiers of at most 64 bytes",
        "malformed",
        rebuilt(VEK, "ask", extensions=LONG_OID),
    ),
    bad_vek("vek-trailing", "C1: nothing behind", "trailing-data", VEK.der + b"\0"),
    bad_vek(
        "vek-version-1",
        "C1: version 3",
        "malformed",
        rebuilt(VEK, "ask", version=w.tlv(0xA0, w.integer(0))),
    ),
    bad_vek(
        "vek-two-algorithms",
        "C1: one algorithm",
        "malformed",
        rebuilt(VEK, "ask", outer=SHA256_PSS),
    ),
    case("no-vek", "C2: a VEK", "no-endorsement", "chain", fault="no-certificate"),
    good(
        "vek-among-endorsements",
        "C2: the VCEK of its chip and TCB",
        fault="no-certificate",
        certificates=[*chain_of(OTHER_PLATFORM), vek_of(OTHER_PLATFORM).der, ASK, ARK, VEK.der],
    ),
    good(
        "vek-among-endorsements-turin",
        "C2: the VCEK of its chip and TCB",
        product="turin",
        fault="no-certificate",
        certificates=[*chain_of(SILICON["turin"]), vek_of(SILICON["turin"]).der],
    ),
    case(
        "vek-of-others-among-endorsements",
        "C2: the VCEK of its chip and TCB",
        "no-endorsement",
        "chain",
        fault="no-certificate",
        certificates=[
            *(ASK, ARK, VLEK.der, vek_of(OTHER_PLATFORM).der),
            MILAN.vek("vcek", MILAN.identity.model.old_tcb).certificate,
        ],
    ),
    bad_chain("no-ca", "C2: CA certificates", "no-endorsement"),
    bad_chain("no-issuer", "C3: an issuer", "simulated-not-trusted", ARK),
    bad_chain(
        "other-platform", "C3: an issuer", "simulated-not-trusted", *chain_of(OTHER_PLATFORM)
    ),
    bad_chain("vlek-under-ask", "C3: an issuer", "simulated-not-trusted", ASK, ARK, kind="vlek"),
    bad_vek("stranger-vek", "C3: an issuer", "untrusted-chain", vek_of(STRANGER).der),
    case("stranger", "C4: a pinned root", "untrusted-chain", "chain", fault="signed-by-stranger"),
    case("simulated", "C4: a pinned root", "simulated-not-trusted", "chain", anchors="vendor"),
    bad_chain("no-root", "C4: a pinned root", "simulated-not-trusted", ASK),
    bad_chain("flipped-root", "C4: a pinned root", "simulated-not-trusted", ASK, flipped(ARK)),
    bad_chain(
        "vcek-under-asvk",
        "C5: names",
        "untrusted-chain",
        ASVK,
        ARK,
        change=part("vek", rebuilt(VEK, "asvk", issuer=ASVK_PARSED.subject)),
    ),
    bad_vek(
        "vek-other-name",
        "C5: names",
        "untrusted-chain",
        rebuilt(VEK, "ask", subject=ASK_PARSED.subject),
    ),
    bad_chain(
        "ask-no-ca",
        "C6: CA flag",
        "untrusted-chain",
        ask_with(extensions=extensions_of(ASK_PARSED, x2_5_29_19=w.sequence())),
        ARK,
    ),
    bad_chain(
        "ask-no-constraints",
        "C6: CA flag",
        "untrusted-chain",
        ask_with(extensions=extensions_of(ASK_PARSED, x2_5_29_19=None)),
        ARK,
    ),
    bad_chain(
        "ask-no-usage",
        "C6: key usage",
        "untrusted-chain",
        ask_with(extensions=extensions_of(ASK_PARSED, x2_5_29_15=None)),
        ARK,
    ),
    bad_chain(
        "ask-wrong-usage",
        "C6: key usage",
        "untrusted-chain",
        ask_with(extensions=extensions_of(ASK_PARSED, x2_5_29_15=bytes.fromhex("03020780"))),
        ARK,
    ),
    bad_chain(
        "ask-critical",
        "C6: unknown critical",
        "untrusted-chain",
        ask_with(
            extensions=extension_list(
                *(
                    w.extension(name, one.value, critical=one.critical)
                    for name, one in ASK_PARSED.extensions.items()
                ),
                w.extension("1.2.3.4", b"", critical=True),
            )
        ),
        ARK,
    ),
    bad_extension("vek-is-ca", "C6: the VEK is no CA", "untrusted-chain", x2_5_29_19=w.sequence()),
    bad_vek(
        "vek-sha256",
        "C7: PSS with SHA-384",
        "alg-mismatch",
        rebuilt(VEK, "ask", algorithm=SHA256_PSS),
    ),
    bad_chain("ask-small-key", "C7: RSA-4096", "alg-mismatch", ask_with(spki=VEK.spki), ARK),
    bad_vek("vek-signature", "C8: the ASK signed", "signature-invalid", flipped(VEK.der)),
    bad_vek("vek-by-other", "C8: the ASK signed", "signature-invalid", rebuilt(VEK, "stranger")),
    bad_chain(
        "ask-by-other",
        "C8: the ARK signed",
        "signature-invalid",
        rebuilt(ASK_PARSED, "stranger"),
        ARK,
    ),
    bad_extension(
        "vek-struct-version", "C9: structure version", x1_3_6_1_4_1_3704_1_1=w.integer(2)
    ),
    bad_extension(
        "vek-product-not-ascii", "C9: product", x1_3_6_1_4_1_3704_1_2=b"\x16\x02\xc3\xa9"
    ),
    bad_extension("vek-no-product", "C9: product", x1_3_6_1_4_1_3704_1_2=None),
    bad_extension("vek-no-ucode", "C9: every SPL", x1_3_6_1_4_1_3704_1_3_8=None),
    bad_extension("vek-fmc-on-milan", "C9: no unknown SPL", x1_3_6_1_4_1_3704_1_3_9=w.integer(1)),
    bad_extension("vek-unknown", "C9: no unknown one", x1_3_6_1_4_1_3704_1_6=w.integer(1)),
    bad_extension("vek-spl-256", "C9: one byte", x1_3_6_1_4_1_3704_1_3_8=w.integer(256)),
    bad_extension("vek-short-id", "C9: hardware id", x1_3_6_1_4_1_3704_1_4=bytes(63)),
    bad_extension("vek-no-id", "C9: hardware id", x1_3_6_1_4_1_3704_1_4=None),
    case(
        "vlek-with-id",
        "C9: no hardware id",
        "malformed",
        "chain",
        kind="vlek",
        change=part(
            "vek",
            rebuilt(VLEK, "asvk", extensions=extensions_of(VLEK, x1_3_6_1_4_1_3704_1_4=bytes(64))),
        ),
    ),
    good(
        "vek-wrapped-id",
        "C9: a wrapped hardware id",
        change=part(
            "vek",
            rebuilt(
                VEK,
                "ask",
                extensions=extensions_of(VEK, x1_3_6_1_4_1_3704_1_4=w.octets(MILAN.chip_id)),
            ),
        ),
    ),
    bad_extension(
        "vek-of-genoa", "C10: product", "product-mismatch", x1_3_6_1_4_1_3704_1_2=w.ia5("Genoa-B1")
    ),
    bad_extension(
        "vek-of-nobody", "C10: product", "product-mismatch", x1_3_6_1_4_1_3704_1_2=w.ia5("Rome")
    ),
    bad_vek("vek-rsa-key", "C11: P-384", "alg-mismatch", rebuilt(VEK, "ask", spki=ASK_PARSED.spki)),
    bad_vek(
        "vek-off-curve", "C11: a point", "malformed", rebuilt(VEK, "ask", spki=flipped(VEK.spki))
    ),
)

DATES = (
    case("future-clock", "D1: not before", "cert-not-yet-valid", "validity", fault="future-clock"),
    good(
        "first-second", "D1: inside", now=VEK.not_before, crls=(), crl_policy="unsafe-not-required"
    ),
    case("expired-vek", "D2: not after", "cert-expired", "validity", fault="expired-vek"),
    case(
        "expired-ask",
        "D2: not after",
        "cert-expired",
        "validity",
        certificates=(MILAN.expired_intermediate("vcek"), ARK),
    ),
    good("last-second", "D2: inside", now=VEK.not_after, crls=(), crl_policy="unsafe-not-required"),
    good("no-crl-wanted", "D3: by policy", crls=(), crl_policy="unsafe-not-required"),
    dated("no-crl", "D3: a list", "crl-missing"),
    dated("crl-of-other", "D4: by the root", "crl-issuer-mismatch", OTHER_PLATFORM.crl()),
    dated(
        "crl-of-other-unwanted",
        "D4: by the root",
        "crl-issuer-mismatch",
        OTHER_PLATFORM.crl(),
        crl_policy="unsafe-not-required",
    ),
    good("crl-newest", "D4: the newest", crls=(crl(revoked=[0x010001]), MILAN.crl())),
    dated(
        "crl-same-second",
        "D4: several of the newest",
        "cert-revoked",
        MILAN.crl(),
        MILAN.crl(revoked=("ask",)),
    ),
    dated("crl-forged", "D5: signed by the root", "collateral-signature-invalid", crl("stranger")),
    dated(
        "crl-future",
        "D6: this update",
        "collateral-not-yet-valid",
        crl(period=Validity(NOW + DAY, NOW + 2 * DAY)),
    ),
    dated(
        "crl-expired",
        "D7: next update",
        "crl-expired",
        crl(period=Validity(NOW - 2 * DAY, NOW - DAY)),
    ),
    dated("revoked-ask", "D8: not on it", "cert-revoked", MILAN.crl(revoked=("ask",))),
    dated(
        "revoked-ask-unwanted",
        "D8: not on it",
        "cert-revoked",
        MILAN.crl(revoked=("ask",)),
        crl_policy="unsafe-not-required",
    ),
    dated("revoked-root", "D8: not on it", "cert-revoked", MILAN.crl(revoked=("ark",))),
    dated("held-ask", "D8: not on it", "cert-on-hold", MILAN.crl(revoked=("ask",), on_hold=True)),
    good("revoked-asvk", "D8: another one is", crls=(MILAN.crl(revoked=("asvk",)),)),
)
