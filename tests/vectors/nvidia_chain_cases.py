"""Vectors about certificates: their chain, their dates, what is known to be revoked."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from attestation.simulated.authority import Authority, Period, derive_key
from attestation.simulated.der_writer import integer, octets, oid, sequence, tlv
from attestation.verifiers.nvidia.fwid import COMPOSITE_DEVICE_ID, DICE_TCB_INFO, SHA384
from attestation.x509 import der
from tests.fakes.silicon import NOW
from tests.vectors.nvidia_cases import (
    GPU,
    HOPPER,
    KEY,
    KNOWN_DEVICE,
    SECRET,
    VENDORS,
    YEAR,
    case,
    flip,
    good,
    other_leaf,
    pem,
)

LEAF, BROM, PROVISIONER, FAMILY, ROOT = KEY.chain
DEVICE = HOPPER.device_authority(0)
PERIOD = Period(NOW - YEAR, NOW + YEAR)
MAKER = "sealwasm simulated silicon"
P384 = ec.SECP384R1()
ITEM = sequence(oid(SHA384), octets(GPU.fwid))


def bad(name: str, why: str, expect: str = "untrusted-chain", **options: object) -> object:
    return case(name, why, expect, "chain", **options)


def extension(kind: str, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(kind), value)


def firmware(name: str, *values: tuple[str, bytes]) -> object:
    listed = [extension(kind, value) for kind, value in values]
    return bad(name, "C10: firmware", "malformed", **other_leaf(extensions=listed))


def device_ca(common_name: str, issuer: Authority | None = None) -> Authority:
    above = issuer or HOPPER.provisioner[0]
    return above.issue_ca(
        common_name, derive_key(SECRET, common_name, P384), PERIOD, organization=MAKER
    )


def family(key: ec.EllipticCurvePrivateKey, path_length: int | None = None) -> Authority:
    """The CA below the root with another key or constraint; its name is the same."""
    return HOPPER.root.issue_ca(
        "SIMULATED-NVIDIA GH100 Identity",
        key,
        PERIOD,
        path_length=path_length,
        organization=MAKER,
    )


NOT_A_CA = HOPPER.provisioner[0].issue(
    "SIMULATED-GH100 A01 GSP BROM", DEVICE.key.public_key(), PERIOD, organization=MAKER
)
SHALLOW = family(HOPPER.provisioner[1].key, path_length=0)
CURVE_521 = family(derive_key(SECRET, "521", ec.SECP521R1()))
BELOW_521 = CURVE_521.issue_ca(
    "SIMULATED-NVIDIA GH100 Provisioner ICA 1",
    HOPPER.provisioner[0].key,
    PERIOD,
    organization=MAKER,
)
COMPOSITE = sequence(integer(1), sequence(), ITEM)
TCB_INFO = sequence(tlv(der.context(6), ITEM))

CHAINS = (
    good("der", "C1: certificates", chain=b"".join(KEY.chain)),
    bad("chain-empty", "C1: certificates", "malformed", chain=b""),
    bad("chain-text", "C1: certificates", "malformed", chain=b"-----BEGIN NOTHING"),
    bad("chain-9", "C1: certificates", "malformed", chain=pem([*KEY.chain, *[ROOT] * 4])),
    bad("chain-9-der", "C1: certificates", "malformed", chain=b"".join([*KEY.chain, *[ROOT] * 4])),
    bad("chain-cut", "C1: certificates", "malformed", chain=b"".join(KEY.chain)[:-1]),
    bad("leaf-alone", "C2: root", chain=pem([LEAF])),
    good("root-left-out", "C2: root", chain=pem(KEY.chain[:-1]), certificates=[ROOT]),
    bad("root-missing", "C2: root", "simulated-not-trusted", chain=pem(KEY.chain[:-1])),
    bad("root-untrusted", "C2: root", "simulated-not-trusted", anchors="vendor"),
    bad("stranger", "C2: root", fault="signed-by-stranger"),
    bad(
        "manifest-root",
        "C2: root of another purpose",
        **other_leaf(
            issuer=device_ca("SIMULATED-GH100 A01 GSP BROM", HOPPER.rim_root),
            above=[HOPPER.rim_root.certificate],
        ),
    ),
    bad("order", "C3: links", chain=pem([LEAF, PROVISIONER, BROM, FAMILY, ROOT])),
    bad("gap", "C3: links", fault="missing-issuer"),
    bad("device-no-ca", "C3: links", chain=pem([LEAF, NOT_A_CA, PROVISIONER, FAMILY, ROOT])),
    bad(
        "path-length", "C3: links", chain=pem([LEAF, BROM, PROVISIONER, SHALLOW.certificate, ROOT])
    ),
    bad(
        "critical",
        "C3: links",
        **other_leaf(extensions=[one := extension("1.2.3.4", b"\x05\0")], critical=[one]),
    ),
    bad(
        "sha-512",
        "C4: algorithm",
        "alg-mismatch",
        chain=pem([LEAF, BROM, BELOW_521.certificate, CURVE_521.certificate, ROOT]),
    ),
    bad(
        "leaf-changed",
        "C5: signatures",
        "signature-invalid",
        chain=pem([flip(LEAF, len(LEAF) - 1), *KEY.chain[1:]]),
    ),
    bad(
        "device-changed",
        "C5: signatures",
        "signature-invalid",
        chain=pem([LEAF, flip(BROM, len(BROM) - 1), *KEY.chain[2:]]),
    ),
    bad(
        "device-of-other",
        "C5: signatures",
        "signature-invalid",
        chain=pem([LEAF, HOPPER.device_authority(1).certificate, *KEY.chain[2:]]),
    ),
    good(
        "other-stepping",
        "C6: names",
        **other_leaf(
            common_name="SIMULATED-GH100 A02 GSP FMC LF",
            issuer=device_ca("SIMULATED-GH100 A02 GSP BROM"),
        ),
    ),
    bad(
        "leaf-of-other-chip",
        "C6: names",
        **other_leaf(common_name="SIMULATED-GB100 A01 GSP FMC LF"),
    ),
    bad("leaf-for-else", "C6: names", **other_leaf(common_name="SIMULATED-GH100 A01 GSP BROM")),
    bad("leaf-not-simulated", "C6: names", **other_leaf(common_name="GH100 A01 GSP FMC LF")),
    bad("device-not-simulated", "C6: names", **other_leaf(issuer=device_ca("GH100 A01 GSP BROM"))),
    bad(
        "leaf-is-ca",
        "C7: leaf",
        chain=pem(
            [
                DEVICE.issue_ca("SIMULATED-GH100 A01 GSP FMC LF", KEY.key, PERIOD).certificate,
                *KEY.chain[1:],
            ]
        ),
    ),
    bad("leaf-p256", "C8: leaf key", "alg-mismatch", **other_leaf(key=derive_key(SECRET, "256"))),
    bad(
        "chip-unknown",
        "C9: architecture",
        "unsupported",
        **other_leaf(
            common_name="SIMULATED-XX100 A01 GSP FMC LF",
            issuer=device_ca("SIMULATED-XX100 A01 GSP BROM"),
        ),
    ),
    good("no-firmware", "C10: firmware", **other_leaf(), claims={"gpu.chip": "GH100"}),
    firmware("firmware-twice", (COMPOSITE_DEVICE_ID, COMPOSITE), (DICE_TCB_INFO, TCB_INFO)),
    firmware("firmware-version", (COMPOSITE_DEVICE_ID, sequence(integer(2), sequence(), ITEM))),
    bad(
        "firmware-rest",
        "C10: firmware",
        "trailing-data",
        **other_leaf(extensions=[extension(COMPOSITE_DEVICE_ID, COMPOSITE + b"\0")]),
    ),
    firmware(
        "firmware-hash",
        (
            DICE_TCB_INFO,
            sequence(
                tlv(der.context(6), sequence(oid("2.16.840.1.101.3.4.2.1"), octets(bytes(48))))
            ),
        ),
    ),
    firmware(
        "firmware-size",
        (DICE_TCB_INFO, sequence(tlv(der.context(6), sequence(oid(SHA384), octets(bytes(32)))))),
    ),
    firmware("firmware-none", (DICE_TCB_INFO, sequence())),
    firmware("firmware-many", (DICE_TCB_INFO, sequence(tlv(der.context(6), ITEM * 9)))),
    firmware(
        "firmware-member",
        (
            DICE_TCB_INFO,
            sequence(tlv(der.context(6), ITEM), tlv(der.context(10, constructed=False), b"")),
        ),
    ),
)

DATES = (
    case(
        "leaf-of-the-future",
        "D1: not before",
        "cert-not-yet-valid",
        "validity",
        fault="future-leaf",
    ),
    case("before-all", "D1: not before", "cert-not-yet-valid", "validity", now=NOW - 2 * YEAR),
    case("leaf-expired", "D2: not after", "cert-expired", "validity", fault="expired-leaf"),
    good("far-future", "D2: not after", now=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    case("known-device", "D3: packaged list", "cert-on-hold", "revocation", number=KNOWN_DEVICE),
    good("other-device", "D3: packaged list", number=98),
)

POLICIES = (
    case(
        "hopper-not-allowed",
        "P1: architecture",
        "product-not-allowed",
        "policy",
        policy={"architectures": ["blackwell", "ls10"]},
    ),
    good("hopper-allowed", "P1: architecture", policy={"architectures": ["hopper"]}),
    case("debug", "P2: debug", "debug-enabled", "policy", model="blackwell", fault="debug"),
    good("no-debug", "P2: debug", model="blackwell"),
    case(
        "manifests-wanted",
        "P3: manifests",
        "no-endorsement",
        "policy",
        policy={"require_rim": True},
    ),
    case(
        "driver-manifest-only",
        "P3: manifests",
        "no-endorsement",
        "policy",
        policy={"require_rim": True},
        rims=[HOPPER.rim("driver")],
    ),
    good(
        "manifests-given",
        "P3: manifests",
        policy={"require_rim": True},
        rims=HOPPER.rims(),
        claims={"gpu.rim-checked": True},
    ),
    good(
        "manifest-of-switch",
        "P3: manifests",
        model="ls10",
        policy={"require_rim": True},
        rims=VENDORS["ls10"].rims(),
    ),
)
