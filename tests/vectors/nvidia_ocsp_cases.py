"""Vectors about OCSP responses. Those about the device's own certificate unless they say else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from attestation.simulated.authority import Authority, Period, derive_key
from attestation.simulated.der_writer import integer, tlv
from attestation.simulated.nvidia import ocsp_writer as writer
from attestation.simulated.nvidia.ocsp_writer import Responder, Statement
from attestation.x509 import der
from attestation.x509.certificate import parse_certificate
from tests.fakes.silicon import NOW
from tests.vectors.nvidia_cases import DAY, HOPPER, KEY, SECRET, YEAR, case, flip, good

ISSUER, FAMILY = HOPPER.provisioner
ISSUER_CERTIFICATE = parse_certificate(ISSUER.certificate)
DEVICE = parse_certificate(KEY.chain[1])
RESPONDER = HOPPER.responder(ISSUER)
ITSELF = Responder(ISSUER_CERTIFICATE, ISSUER.key, delegated=False)
PERIOD = Period(NOW - YEAR, NOW + YEAR)
STRANGER = HOPPER.stranger()


def said(
    status: str | int = writer.GOOD,
    *,
    this_update: datetime = NOW - DAY,
    next_update: datetime | None = NOW + DAY,
) -> Statement:
    return Statement(DEVICE, ISSUER_CERTIFICATE, status, this_update, next_update)


def answer(statement: Statement, responder: Responder = RESPONDER) -> bytes:
    return writer.build_ocsp([statement], responder)


def responder(issuer: Authority = ISSUER, *, purpose: bool = True, ca: bool = False) -> Responder:
    key = derive_key(SECRET, "another responder", ec.SECP384R1())
    usage = [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])] if purpose else []
    if ca:
        made = issuer.issue_ca("SIMULATED-Responder", key, PERIOD).certificate
    else:
        made = issuer.issue("SIMULATED-Responder", key.public_key(), PERIOD, extensions=usage)
    return Responder(parse_certificate(made), key)


def data(*answers: bytes, version: bytes = b"") -> bytes:
    return writer.wrap(
        writer.sign_basic(
            writer.encode_data(RESPONDER.certificate, NOW, answers, version=version), RESPONDER
        )
    )


def bad(name: str, why: str, expect: str, *ocsp: bytes, **options: object) -> object:
    return case(name, why, expect, "revocation", ocsp=ocsp, **options)


GOOD = answer(said())
SINGLE = writer.encode_answer(said())
# A response that says nothing about this chain, signed by nobody known.
ELSEWHERE = STRANGER.ocsp(STRANGER.device_authority(0).certificate, STRANGER.provisioner[0])
RIM_SIGNER = HOPPER.rim_signer().chain[0]

OCSP = (
    good("ocsp", "O1: structure", ocsp=[GOOD]),
    bad("ocsp-empty", "O1: structure", "malformed", b""),
    bad("ocsp-long", "O1: structure", "malformed", bytes(20000)),
    bad("ocsp-cut", "O1: structure", "malformed", GOOD[:-1]),
    bad("ocsp-trailing", "O1: structure", "trailing-data", GOOD + b"\0"),
    bad("ocsp-later", "O1: error message", "no-endorsement", writer.wrap(b"", status=3)),
    bad(
        "ocsp-version-2",
        "O1: structure",
        "malformed",
        data(SINGLE, version=tlv(der.context(0), integer(1))),
    ),
    bad("ocsp-17-answers", "O1: structure", "malformed", data(*[SINGLE] * 17)),
    bad("ocsp-no-next", "O1: nextUpdate", "malformed", answer(said(next_update=None))),
    bad(
        "ocsp-md5",
        "O1: hash",
        "malformed",
        data(writer.encode_answer(said(), hash_name="1.2.840.113549.2.5")),
    ),
    good("ocsp-by-issuer", "O2: responder", ocsp=[answer(said(), ITSELF)]),
    bad(
        "ocsp-responder-absent",
        "O2: responder",
        "no-endorsement",
        answer(said(), replace(RESPONDER, delegated=False)),
    ),
    bad(
        "ocsp-no-purpose",
        "O2: responder",
        "untrusted-chain",
        answer(said(), responder(purpose=False)),
    ),
    bad("ocsp-by-ca", "O2: responder", "untrusted-chain", answer(said(), responder(ca=True))),
    bad(
        "ocsp-of-other-issuer",
        "O2: responder",
        "untrusted-chain",
        answer(said(), responder(FAMILY)),
    ),
    bad(
        "ocsp-forged-responder",
        "O2: responder",
        "untrusted-chain",
        answer(
            said(), responder(replace(ISSUER, key=derive_key(SECRET, "forger", ec.SECP384R1())))
        ),
    ),
    bad(
        "ocsp-forged",
        "O3: signature",
        "collateral-signature-invalid",
        answer(said(), replace(RESPONDER, key=derive_key(SECRET, "forger", ec.SECP384R1()))),
    ),
    bad(
        "ocsp-status-changed",
        "O3: signature",
        "collateral-signature-invalid",
        answer(said(writer.UNKNOWN)).replace(b"\x82\0\x18", b"\x80\0\x18", 1),
    ),
    bad(
        "ocsp-responder-expired",
        "O4: responder's dates",
        "cert-expired",
        answer(said(), HOPPER.responder(ISSUER, validity=HOPPER.past())),
    ),
    bad(
        "ocsp-responder-future",
        "O4: responder's dates",
        "cert-not-yet-valid",
        answer(said(), HOPPER.responder(ISSUER, validity=HOPPER.future())),
    ),
    bad(
        "ocsp-ahead",
        "O5: thisUpdate",
        "collateral-not-yet-valid",
        answer(said(this_update=NOW + DAY, next_update=NOW + 2 * DAY)),
    ),
    good("ocsp-just-made", "O5: thisUpdate", ocsp=[answer(said(this_update=NOW))]),
    bad(
        "ocsp-old",
        "O6: nextUpdate",
        "collateral-expired",
        answer(said(this_update=NOW - 3 * DAY, next_update=NOW - DAY)),
    ),
    good("ocsp-last-second", "O6: nextUpdate", ocsp=[answer(said(next_update=NOW))]),
    bad("ocsp-revoked", "O7: status", "cert-revoked", answer(said(writer.KEY_COMPROMISE))),
    bad("ocsp-on-hold", "O7: status", "cert-on-hold", answer(said(writer.CERTIFICATE_HOLD))),
    bad("ocsp-unknown", "O7: status", "no-endorsement", answer(said(writer.UNKNOWN))),
    bad(
        "ocsp-newer-revoked",
        "O7: newest answer",
        "cert-revoked",
        GOOD,
        answer(said(writer.KEY_COMPROMISE, this_update=NOW)),
    ),
    good(
        "ocsp-hold-lifted",
        "O7: newest answer",
        ocsp=[answer(said(writer.CERTIFICATE_HOLD)), answer(said(this_update=NOW))],
    ),
    bad(
        "ocsp-same-second",
        "O7: newest answer",
        "cert-on-hold",
        GOOD,
        answer(said(writer.CERTIFICATE_HOLD)),
    ),
    good("ocsp-of-others", "O8: required", ocsp=[ELSEWHERE]),
    good(
        "ocsp-required",
        "O8: required",
        ocsp=HOPPER.ocsp_responses([0]),
        policy={"require_ocsp": True},
        claims={"gpu.ocsp-checked": True},
    ),
    bad("ocsp-none", "O8: required", "no-endorsement", policy={"require_ocsp": True}),
    bad(
        "ocsp-device-missing",
        "O8: required",
        "no-endorsement",
        *HOPPER.ocsp_responses([1]),
        policy={"require_ocsp": True},
    ),
    bad(
        "ocsp-family-missing",
        "O8: required",
        "no-endorsement",
        *(one for n, one in enumerate(HOPPER.ocsp_responses([0])) if n != 2),
        policy={"require_ocsp": True},
    ),
    bad(
        "ocsp-manifest-missing",
        "O8: required",
        "no-endorsement",
        *(one for n, one in enumerate(HOPPER.ocsp_responses([0])) if n != 3),
        policy={"require_ocsp": True},
        rims=HOPPER.rims(),
    ),
    bad(
        "ocsp-manifest-revoked",
        "O7: status",
        "cert-revoked",
        HOPPER.ocsp(RIM_SIGNER, HOPPER.rim_issuers[0], status=writer.KEY_COMPROMISE),
        rims=HOPPER.rims(),
    ),
    good(
        "ocsp-all",
        "O8: required",
        ocsp=HOPPER.ocsp_responses([0]),
        rims=HOPPER.rims(),
        policy={"require_ocsp": True, "require_rim": True},
        claims={"gpu.ocsp-checked": True, "gpu.rim-checked": True},
    ),
    bad(
        "ocsp-signature-bit",
        "O3: signature",
        "collateral-signature-invalid",
        flip(GOOD, GOOD.index(RESPONDER.certificate.der) - 12),
    ),
)
