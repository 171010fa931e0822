"""Vectors about signed manifests and what they say of measurements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.simulated.authority import Period, derive_key
from attestation.simulated.nvidia import rim_writer as writer
from attestation.simulated.nvidia.models import VBIOS_BLOCKS
from attestation.simulated.nvidia.vendor import DeviceKey
from tests.fakes.silicon import NOW
from tests.vectors.nvidia_cases import HOPPER, SECRET, VENDORS, YEAR, case, good

MODEL = HOPPER.model
SIGNER = HOPPER.rim_signer()
PERIOD = Period(NOW - YEAR, NOW + YEAR)
GOLDEN = {block - 1: [digest] for block, digest in MODEL.golden("vbios").items()}
WANTED = {"require_rim": True}
# Enough of the 64 that a real one lists: what is not listed is not compared either.
LISTED = 11
BODY = writer.build_body(MODEL.rim_product, MODEL.vbios_version, GOLDEN, indexes=LISTED)
OTHER = bytes(47) + b"\1"


def signed(body: str = BODY, signer: DeviceKey = SIGNER, **options: bytes) -> bytes:
    return writer.sign_rim(body, signer.key, signer.chain, **options)


DRIVER, VBIOS = HOPPER.rim("driver"), signed()


def edited(old: str, new: str) -> bytes:
    """The manifest with something replaced before it was signed."""
    assert old in BODY, old
    return signed(BODY.replace(old, new, 1))


def spoilt(old: str, new: str) -> bytes:
    """The manifest with something replaced after it was signed."""
    assert old in VBIOS.decode(), old
    return VBIOS.decode().replace(old, new, 1).encode()


def bad(name: str, why: str, rim: bytes, expect: str = "malformed", **options: object) -> object:
    return case(name, why, expect, "manifest", rims=[rim, *options.pop("more", [])], **options)


def unused(name: str, why: str, rim: bytes, **options: object) -> object:
    """A manifest that verifies and is about another device or version."""
    return case(name, why, "no-endorsement", "policy", rims=[DRIVER, rim], policy=WANTED, **options)


def golden(change: Callable[[dict[int, list[bytes]]], dict[int, list[bytes]]]) -> bytes:
    listed = change(dict(GOLDEN))
    return signed(writer.build_body(MODEL.rim_product, MODEL.vbios_version, listed, indexes=LISTED))


def signer(change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    return signed(signer=replace(SIGNER, chain=tuple(change(list(SIGNER.chain)))))


FIRST = VBIOS_BLOCKS[0] - 1
ISSUER, FAMILY = HOPPER.rim_issuers
CA_SIGNER = ISSUER.issue_ca("SIMULATED-RIM L4 Signer", SIGNER.key, PERIOD).certificate
STRANGER = HOPPER.stranger().rim_signer()
FORGER = derive_key(SECRET, "forger", ec.SECP384R1())
SIGNATURE = VBIOS.decode()[
    VBIOS.decode().index("<ds:Signature ") : VBIOS.decode().index("</SoftwareIdentity>")
]
DEEP = "<ns0:x>" * 20 + "</ns0:x>" * 20
MANY = "<ns0:x/>" * 1100
ATTRIBUTES = "<ns0:x " + " ".join(f'a{n}="1"' for n in range(70)) + "/>"
SPACES = "<ns0:x " + " ".join(f'xmlns:a{n}="urn:{n}"' for n in range(20)) + "/>"
PAYLOAD_END = "    </ns0:Payload>"
C14N_10 = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"

XML = (
    good("manifests", "M1: XML", rims=HOPPER.rims(), claims={"gpu.rim-checked": True}),
    good("xml-declaration", "M1: XML", rims=[b'<?xml version="1.0" encoding="UTF-8"?>\n' + VBIOS]),
    bad("xml-empty", "M1: XML", b""),
    bad("xml-cut", "M1: XML", VBIOS[:-1]),
    bad("xml-latin", "M1: XML", b'<?xml version="1.0" encoding="latin-1"?>' + VBIOS),
    bad("xml-not-utf-8", "M1: XML", VBIOS.replace(b'Entity name="', b'Entity name="\xff', 1)),
    bad("xml-doctype", "M1: XML", b"<!DOCTYPE SoftwareIdentity>" + VBIOS),
    bad("xml-entities", "M1: XML", b'<!DOCTYPE s [<!ENTITY e "e">]>' + VBIOS),
    bad("xml-comment", "M1: XML", spoilt("<ns0:Entity", "<!-- c --><ns0:Entity")),
    bad("xml-instruction", "M1: XML", spoilt("<ns0:Entity", "<?x y?><ns0:Entity")),
    bad("xml-prefix", "M1: XML", spoilt("<ns0:Entity", "<ns9:Entity")),
    bad("xml-reserved-prefix", "M1: XML", spoilt("<ns0:Entity", '<ns0:Entity xmlns:xml="urn:x"')),
    bad("xml-lang", "M1: XML", spoilt("<ns0:Entity", '<ns0:Entity xml:lang="en"')),
    bad("xml-undeclared", "M1: XML", spoilt("<ns0:Entity", '<ns0:Entity xmlns=""')),
    bad(
        "xml-attribute-twice",
        "M1: XML",
        spoilt("<ns0:Entity", '<ns0:Entity xmlns:a="urn:a" xmlns:b="urn:a" a:x="1" b:x="2"'),
    ),
    bad("xml-deep", "M1: XML", spoilt("<ns0:Entity", f"{DEEP}<ns0:Entity")),
    bad("xml-many", "M1: XML", spoilt("<ns0:Entity", f"{MANY}<ns0:Entity")),
    bad("xml-attributes", "M1: XML", spoilt("<ns0:Entity", f"{ATTRIBUTES}<ns0:Entity")),
    bad("xml-namespaces", "M1: XML", spoilt("<ns0:Entity", f"{SPACES}<ns0:Entity")),
    bad("unsigned", "M2: signature", f"{BODY}</SoftwareIdentity>".encode()),
    bad(
        "signed-twice",
        "M2: signature",
        spoilt("</SoftwareIdentity>", f"{SIGNATURE}</SoftwareIdentity>"),
    ),
    bad(
        "signature-inside",
        "M2: signature",
        f"{BODY}</SoftwareIdentity>".replace(PAYLOAD_END, f"{SIGNATURE}{PAYLOAD_END}").encode(),
    ),
    bad(
        "wrapped",
        "M2: signature",
        f"{BODY.replace(GOLDEN[FIRST][0].hex(), OTHER.hex())}<ns0:x>{VBIOS.decode()}</ns0:x>"
        "</SoftwareIdentity>".encode(),
    ),
    bad("reference-to-part", "M2: signature", spoilt('URI=""', 'URI="#part"')),
    bad("reference-typed", "M2: signature", spoilt('URI=""', 'URI="" Type="urn:x"')),
    bad(
        "two-references",
        "M2: signature",
        spoilt("</ds:Reference>", '</ds:Reference><ds:Reference URI=""/>'),
    ),
    bad("object", "M2: signature", spoilt("</ds:KeyInfo>", "</ds:KeyInfo><ds:Object/>")),
    bad(
        "no-key-info",
        "M2: signature",
        spoilt("<ds:KeyInfo>", "<ds:Key>").replace(b"</ds:KeyInfo>", b"</ds:Key>"),
    ),
    bad("no-certificates", "M2: signature", writer.sign_rim(BODY, SIGNER.key, [])),
    bad("text-in-signature", "M2: signature", spoilt("<ds:SignedInfo>", "text<ds:SignedInfo>")),
    bad("short-value", "M2: signature", spoilt("<ds:SignatureValue>", "<ds:SignatureValue>AAAA")),
    bad("value-not-base64", "M2: signature", spoilt("<ds:SignatureValue>", "<ds:SignatureValue>-")),
    bad(
        "transform-missing",
        "M2: signature",
        spoilt(f'<ds:Transform Algorithm="{writer.ENVELOPED}"/>', ""),
    ),
    bad(
        "transform-with-content",
        "M2: signature",
        spoilt(
            f'<ds:Transform Algorithm="{writer.C14N_11}"/>',
            f'<ds:Transform Algorithm="{writer.C14N_11}">x</ds:Transform>',
        ),
    ),
    bad(
        "canonical-10",
        "M3: algorithms",
        spoilt(
            f'CanonicalizationMethod Algorithm="{writer.C14N_11}"',
            f'CanonicalizationMethod Algorithm="{C14N_10}"',
        ),
        "alg-mismatch",
    ),
    bad("rsa", "M3: algorithms", spoilt("#ecdsa-sha384", "#rsa-sha384"), "alg-mismatch"),
    bad(
        "sha-256",
        "M3: algorithms",
        spoilt(
            f'DigestMethod Algorithm="{writer.SHA384}"',
            'DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"',
        ),
        "alg-mismatch",
    ),
    bad(
        "xpath",
        "M3: algorithms",
        spoilt(
            f'Transform Algorithm="{writer.ENVELOPED}"',
            'Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"',
        ),
        "alg-mismatch",
    ),
    bad(
        "signer-p256",
        "M3: algorithms",
        signer(
            lambda chain: [
                ISSUER.issue(
                    "SIMULATED-RIM L4 Signer", derive_key(SECRET, "256").public_key(), PERIOD
                ),
                *chain[1:],
            ]
        ),
        "alg-mismatch",
    ),
    bad(
        "signer-untrusted",
        "M4: signer",
        VBIOS,
        "simulated-not-trusted",
        roots=[HOPPER.root.certificate],
    ),
    bad("signer-stranger", "M4: signer", signed(signer=STRANGER), "untrusted-chain"),
    bad("signer-alone", "M4: signer", signer(lambda chain: chain[:1]), "untrusted-chain"),
    bad(
        "signer-order",
        "M4: signer",
        signer(lambda chain: [chain[0], *chain[:0:-1]]),
        "simulated-not-trusted",
    ),
    bad(
        "signer-device",
        "M4: signer",
        signed(signer=HOPPER.device(0, fwid=bytes(48))),
        "untrusted-chain",
    ),
    bad(
        "signer-ca", "M4: signer", signer(lambda chain: [CA_SIGNER, *chain[1:]]), "untrusted-chain"
    ),
    bad(
        "signer-changed",
        "M4: signer",
        signer(lambda chain: [chain[0][:-1] + bytes([chain[0][-1] ^ 1]), *chain[1:]]),
        "collateral-signature-invalid",
    ),
    bad(
        "signed-by-other",
        "M5: signature",
        writer.sign_rim(BODY, FORGER, SIGNER.chain),
        "collateral-signature-invalid",
    ),
    bad(
        "digest-of-other",
        "M5: signature",
        signed(digest=b"\1" * 48),
        "collateral-signature-invalid",
    ),
    bad(
        "digest-changed",
        "M5: signature",
        spoilt(GOLDEN[FIRST][0].hex(), OTHER.hex()),
        "collateral-signature-invalid",
    ),
    bad(
        "space-changed",
        "M5: signature",
        spoilt(PAYLOAD_END, f" {PAYLOAD_END}"),
        "collateral-signature-invalid",
    ),
    bad(
        "version-changed",
        "M5: signature",
        spoilt('colloquialVersion="96.00.AF.00.01"', 'colloquialVersion="96.00.AF.00.02"'),
        "collateral-signature-invalid",
    ),
    good(
        "attributes-reordered",
        "M5: signature",
        rims=[spoilt('corpus="false" name="GH100"', 'name="GH100" corpus="false"')],
    ),
)

APPRAISALS = (
    bad(
        "swid-other-root",
        "M6: SWID",
        signed(
            BODY.replace("<SoftwareIdentity", "<ns0:SoftwareIdentity", 1)
            .replace("ns0:SoftwareIdentity xmlns=", "SoftwareIdentity xmlns=", 1)
            .replace(f'xmlns="{writer.SWID}"', 'xmlns="urn:x"', 1)
        ),
    ),
    bad(
        "swid-no-entity",
        "M6: SWID",
        edited('<ns0:Entity name="SIMULATED-NVIDIA" role="softwareCreator tagCreator"/>', ""),
    ),
    bad("swid-more", "M6: SWID", edited("<ns0:Payload", "<ns0:Link/><ns0:Payload")),
    bad("swid-no-version", "M6: SWID", edited("colloquialVersion=", "otherVersion=")),
    bad("swid-edition", "M6: SWID", edited('edition="GPU"', 'edition="CPU"')),
    bad("swid-type", "M6: SWID", edited('type="Measurement"', 'type="File"')),
    bad("index-twice", "M6: SWID", edited('index="1"', 'index="0"')),
    bad("index-255", "M6: SWID", edited('index="10"', 'index="255"')),
    bad("index-not-number", "M6: SWID", edited('index="10"', 'index="+10"')),
    bad("index-missing", "M6: SWID", edited(' index="10"', "")),
    bad("active-lower-case", "M6: SWID", edited('active="True"', 'active="true"')),
    bad("size-32", "M6: SWID", edited('size="48"', 'size="32"')),
    bad("alternatives-more", "M6: SWID", edited('alternatives="1"', 'alternatives="2"')),
    bad("alternatives-none", "M6: SWID", edited('alternatives="1"', 'alternatives="0"')),
    bad(
        "digest-of-more", "M6: SWID", edited("ns2:Hash0=", f'ns2:Hash1="{OTHER.hex()}" ns2:Hash0=')
    ),
    bad("digest-not-hex", "M6: SWID", edited(GOLDEN[FIRST][0].hex(), "z" * 96)),
    bad("digest-short", "M6: SWID", edited(GOLDEN[FIRST][0].hex(), "0" * 64)),
    bad("none-active", "M6: SWID", golden(lambda _: {})),
    good(
        "alternatives",
        "M6: SWID",
        rims=[DRIVER, golden(lambda found: found | {FIRST: [OTHER, *found[FIRST]]})],
        policy=WANTED,
        claims={"gpu.rim-checked": True},
    ),
    unused("other-version", "M7: applies", edited("96.00.AF.00.01", "96.00.AF.00.02")),
    unused("other-product", "M7: applies", edited('product="GH100"', 'product="GB100"')),
    unused("other-edition", "M7: applies", edited('edition="GPU"', 'edition="SWITCH"')),
    good(
        "others-besides",
        "M7: applies",
        policy=WANTED,
        rims=[*HOPPER.rims(), *VENDORS["ls10"].rims()],
        roots=[
            HOPPER.root.certificate,
            HOPPER.rim_root.certificate,
            VENDORS["ls10"].rim_root.certificate,
        ],
    ),
    case(
        "manifest-expired",
        "M8: dates",
        "cert-expired",
        "manifest",
        rims=[signed(signer=HOPPER.rim_signer(validity=HOPPER.past()))],
    ),
    case(
        "manifest-future",
        "M8: dates",
        "cert-not-yet-valid",
        "manifest",
        rims=[signed(signer=HOPPER.rim_signer(validity=HOPPER.future()))],
    ),
    good(
        "unused-manifest-expired",
        "M8: dates",
        rims=[
            writer.sign_rim(
                BODY.replace("96.00.AF.00.01", "96.00.AF.00.02"),
                (old := HOPPER.rim_signer(validity=HOPPER.past())).key,
                old.chain,
            )
        ],
    ),
    case(
        "block-differs",
        "M9: blocks",
        "measurement-mismatch",
        "measurements",
        fault="wrong-measurement",
        rims=HOPPER.rims(),
    ),
    case(
        "manifest-differs",
        "M9: blocks",
        "measurement-mismatch",
        "measurements",
        rims=[DRIVER, golden(lambda found: found | {FIRST: [OTHER]})],
    ),
    case(
        "block-not-there",
        "M9: blocks",
        "measurement-mismatch",
        "measurements",
        model="ls10",
        rims=[
            VENDORS["ls10"].rim("vbios"),
            _switch := writer.sign_rim(
                writer.build_body(
                    "LS10", "96.10.55.00.01", {40: [OTHER]}, edition="SWITCH", indexes=41
                ),
                VENDORS["ls10"].rim_signer().key,
                VENDORS["ls10"].rim_signer().chain,
            ),
        ][1:],
    ),
    good(
        "one-of-two-fits",
        "M9: blocks",
        policy=WANTED,
        rims=[DRIVER, golden(lambda found: found | {FIRST: [OTHER]}), VBIOS],
    ),
    good("decoder-off", "M9: blocks", rims=HOPPER.rims(), policy=WANTED),
    case(
        "both-claim",
        "M10: conflict",
        "binding",
        "measurements",
        rims=[
            VBIOS,
            writer.sign_rim(
                writer.build_body(MODEL.rim_product, MODEL.driver_version, GOLDEN, indexes=LISTED),
                SIGNER.key,
                SIGNER.chain,
            ),
        ],
    ),
    good("none-claimed-twice", "M10: conflict", rims=HOPPER.rims()),
)
