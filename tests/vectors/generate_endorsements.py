"""Vectors of docs/specs/endorsements.md: bundles, what verifiers get from them, the signed form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rfc8785

from attestation.bundle import BUNDLE_TYPE, FORMAT
from attestation.simulated.snp.certificates import Issuer, Validity, build_crl
from attestation.x509.certificate import parse_certificate
from attestation.x509.pem import encode_pem
from sealing.keys import SigningKey
from sealing.signatures import dsse
from tests.fakes.silicon import NOW, fixed_salt_signer_of
from tests.unit.sealing.makers import OWNER, STRANGER, b64, flipped, unb64
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case
from tests.vectors.snp_cases import DAY, MILAN

ROOT = MILAN.root()
CRL = build_crl(
    Issuer(parse_certificate(ROOT).subject, fixed_salt_signer_of("ark")),
    validity=Validity(NOW - DAY, NOW + 365 * DAY),
)
NEVER_ENDS = "2026-11-22T12:00:00Z"
SOURCE = "https://kdsintf.amd.com/vcek/v1/Milan/crl"

Document = dict[str, Any]


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    expect: str
    stage: str
    data: bytes
    signed: bool = False


def document(kind: str = "ocsp", data: bytes = b"0", **changes: Any) -> Document:
    """Return one document as the format writes it."""
    whole = {"data": b64(data), "expires": None, "fetched": NEVER_ENDS, "kind": kind}
    return whole | {"source": SOURCE} | changes


def ordered(*documents: Document) -> list[Document]:
    """Return documents in the order of the format."""
    return sorted(documents, key=lambda d: (d["kind"], hashlib.sha256(unb64(d["data"])).digest()))


def text(*documents: Document, **changes: Any) -> bytes:
    """Return the canonical text of a bundle of these documents, in the order given."""
    return rfc8785.dumps({"documents": list(documents), "format": FORMAT} | changes)


GOOD = text(
    *ordered(
        document("certificate", ROOT, expires="2051-01-01T00:00:00Z"),
        document("crl", CRL),
        document("intel-collateral", b"{}"),
        document("nvidia-rim", b"<a/>", fetched=None),
        document(),
    )
)


def bad(name: str, why: str, data: bytes, *, code: str = "malformed", stage: str = "parse") -> Case:
    return Case(name, why, code, stage, data)


def odd(name: str, why: str, **changes: Any) -> Case:
    """One document with other values of members."""
    return bad(name, why, text(document() | changes))


def without(name: str) -> Document:
    return {key: value for key, value in document().items() if key != name}


def unreadable(name: str, why: str, *documents: Document, code: str = "malformed") -> Case:
    return bad(name, why, text(*ordered(*documents)), code=code, stage="endorsements")


def sealed(
    name: str, why: str, code: str, data: bytes = GOOD, kind: str = BUNDLE_TYPE, **more: Any
) -> Case:
    keys = more.pop("keys", [OWNER])
    change: Callable[[bytes], bytes] = more.pop("change", lambda envelope: envelope)
    stage = more.pop("stage", "signature")
    return Case(name, why, code, stage, change(dsse.sign(kind, data, keys)), signed=True)


def _damaged(envelope: bytes) -> bytes:
    """Flip the last bit of what was signed."""
    value = json.loads(envelope)
    value["payload"] = b64(flipped(GOOD, 8 * len(GOOD) - 1))
    return rfc8785.dumps(value)


_LAST_TWO = [document(data=b"a"), document(data=b"b")]
BUNDLES = (
    Case("every-kind", "B6: every kind", ACCEPTED, "endorsements", GOOD),
    Case("empty", "B4: no document", ACCEPTED, "endorsements", text()),
    Case(
        "longest-source", "B9: 512 characters", ACCEPTED, "parse", text(document(source="~" * 512))
    ),
    bad("commas", "B2: more values than documents have", b"[" + b"0," * 3585 + b"0]"),
    bad("not-json", "B3: JSON", b"bundle"),
    bad("not-utf8", "B3: UTF-8", GOOD.replace(b"kdsintf", b"kdsint\xff")),
    bad("trailing", "B3: nothing after it", GOOD + b"{}"),
    bad(
        "member-twice",
        "B3: no member twice",
        GOOD.replace(b'"kind":"ocsp"', b'"kind":"ocsp","kind":"ocsp"'),
    ),
    bad("deep", "B3: at most 16 levels", b"[" * 17 + b"]" * 17),
    bad("list", "B4: an object", b"[]"),
    bad("format-missing", "B4: exactly two members", b'{"documents":[]}'),
    bad("format-other", "B4: that text", text(format="sealwasm/endorsements/v2")),
    bad("member-unknown", "B4: exactly two members", text(comment="x")),
    bad("documents-object", "B4: a list", text(documents={})),
    bad("document-text", "B5: an object", text(documents=["x"])),
    *(bad(f"no-{name}", "B5: exactly the members", text(without(name))) for name in document()),
    odd("document-unknown-member", "B5: exactly the members", comment="x"),
    odd("kind-unknown", "B6: a known kind", kind="rumour"),
    odd("kind-number", "B6: a known kind", kind=1),
    odd("data-empty", "B7: at least a byte", data=""),
    odd("data-not-base64", "B7: base64", data="%%%%"),
    odd("data-unpadded", "B7: padded", data="MA"),
    odd("data-unused-bits", "B7: its one form", data="MB=="),
    odd("data-null", "B7: base64", data=None),
    odd(
        "certificate-pem", "B8: DER", kind="certificate", data=b64(encode_pem("CERTIFICATE", ROOT))
    ),
    odd("crl-pem", "B8: DER", kind="crl", data=b64(encode_pem("X509 CRL", CRL))),
    odd("source-empty", "B9: 1 character", source=""),
    odd("source-long", "B9: 512 characters", source="a" * 513),
    odd("source-comma", "B9: no comma", source="a,b"),
    odd("source-line", "B9: printable", source="a\nb"),
    odd("source-umlaut", "B9: ASCII", source="ä"),
    odd("source-null", "B9: text", source=None),
    odd("expires-date", "B10: to the second", expires="2026-11-22"),
    odd("expires-zone", "B10: UTC", expires="2026-11-22T12:00:00+00:00"),
    odd("fetched-fraction", "B10: to the second", fetched="2026-11-22T12:00:00.5Z"),
    odd("fetched-number", "B10: text or null", fetched=0),
    odd("fetched-13th-month", "B10: a time that exists", fetched="2026-13-22T12:00:00Z"),
    bad(
        "too-many",
        "B11: 512 documents",
        text(*ordered(*(document(data=b"%d" % number) for number in range(513)))),
    ),
    bad("twice", "B12: not twice", text(document(), document(source="other"))),
    bad("order-of-kinds", "B13: in order", text(document(), document("crl", CRL))),
    bad("order-of-digests", "B13: in order", text(*reversed(ordered(*_LAST_TWO)))),
    bad("spaced", "B13: RFC 8785", GOOD.replace(b",", b", ", 1)),
    bad("escaped", "B13: RFC 8785", GOOD.replace(b"https:", b"https\\u003a", 1)),
)
CONTENTS = (
    unreadable("certificate-none", "E1: a certificate", document("certificate", b"0")),
    unreadable("certificate-a-list", "E1: a certificate", document("certificate", CRL)),
    unreadable(
        "certificate-trailing",
        "E1: one certificate",
        document("certificate", ROOT + b"\0"),
        code="trailing-data",
    ),
    unreadable("crl-none", "E2: a list", document("crl", b"0")),
    unreadable("crl-a-certificate", "E2: a list", document("crl", ROOT)),
    unreadable(
        "too-many-others",
        "E3: 256 other documents",
        *(document(data=b"%d" % number) for number in range(257)),
    ),
)
SIGNED = (
    sealed("signed", "S2: by a key that was given", ACCEPTED),
    sealed("signed-type", "S1: the payload type", "seal-payload-type", kind="text/plain"),
    sealed(
        "signed-by-stranger", "S2: by a key that was given", "seal-signer-unknown", keys=[STRANGER]
    ),
    sealed("signed-by-two", "S2: and by no other", "seal-signer-unknown", keys=[OWNER, STRANGER]),
    sealed("signed-damaged", "S2: the signature holds", "seal-signature-invalid", change=_damaged),
    sealed("signed-other", "S3: a bundle", "malformed", data=b"{}", stage="parse"),
    sealed(
        "signed-bare",
        "S2: a bare bundle is not signed",
        "seal-unknown-member",
        change=lambda _: GOOD,
    ),
)
CASES = (*BUNDLES, *CONTENTS, *SIGNED)
KEYS: tuple[SigningKey, ...] = (OWNER,)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "endorsements")
    for case in CASES:
        document = {"why": case.why, "expect": case.expect, "stage": case.stage}
        if case.signed:
            document["keys"] = [b64(key.public.spki) for key in KEYS]
        write_case(folder, case.name, document, {"bundle.json": case.data})
