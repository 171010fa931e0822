"""dcap-qvl and we judge the same quotes and collateral alike; where not, a rule here says why.

A refusal of ours for a status (`tcb-OutOfDate`) counts as that status: dcap-qvl returns every
status but the two that nobody can accept, and leaves judging to its caller.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy, IntelPolicy
from attestation.policy.intel import TCB_STATUSES
from attestation.report_data import UnsafeAnyReportData
from attestation.trust import TrustAnchors
from attestation.verify import verify
from tests.unit.attestation import intel_driver as driver

dcap_qvl = pytest.importorskip("dcap_qvl")

EVIDENCE = Path(__file__).resolve().parents[2].parent / "shared" / "evidence"
QUOTES = sorted(EVIDENCE.glob("*/*.quote.bin"))
COLLATERAL = sorted(EVIDENCE.glob("*/collateral/*.json"))
needs_shared = pytest.mark.skipif(
    not QUOTES, reason="real evidence is not beside this checkout (../shared/evidence)"
)
NEVER = frozenset({"Revoked", "NotSupported"})
POLICY = EvidencePolicy(intel=IntelPolicy(accepted_statuses=frozenset(TCB_STATUSES) - NEVER))
REFUSED = "refused"

# We refuse what dcap-qvl accepts. Step of our specification -> why.
STRICTER = {
    "Q6": "we take nothing behind the last field of a nested structure, and know its type",
    "Q7": "reserved bytes of reports are zero",
    "Q8": "only zeros pad a quote",
    "C1": "a PCK chain is three certificates with nothing behind them",
    "C2": "we were not given this root as trusted; dcap-qvl was, or looks at its key alone",
    "C3": "names say what a certificate is for, and that it is simulated",
    "C4": "CAs need key usage, a path length counts for the root as well",
    "C7": "Intel's extension is read completely, each member once",
    "G3": "the QE report's data ends in zeros",
    "F1": "dcap-qvl compares no report data",
    "A2": "bits that our reference does not know are reserved",
    "K2": "the document has the members it has, and text in them",
    "K3": "chains of collateral are verified where dcap-qvl takes them for material",
    "K4": "only who may sign lists signs them",
    "K5": "what is signed and not understood could matter",
    "K7": "dcap-qvl does not compare the PCEID",
    "K10": "a list of the future is refused",
    "K13": "dcap-qvl remembers and compares no evaluation data number here",
    "L1": "dcap-qvl reads no event log",
    "P2": "judging advisories is left to its caller",
    "P3": "judging ISVSVN is left to its caller",
    "P4": "judging MRSIGNER is left to its caller",
}
# We accept what dcap-qvl refuses. Vector -> why.
ALLOWED = "our policy allows what dcap-qvl always refuses"
ORDER = "dcap-qvl takes the first level that fits, we the highest"
AUTHENTICATION = "dcap-qvl wants 32 bytes of authentication data, the format has any number"
OLD_FORMAT = "dcap-qvl knows SGX in version 3 only"
LOOSER = {
    "debug-allowed": ALLOWED,
    "migratable-allowed": ALLOWED,
    "sept-ve-disable-clear-allowed": ALLOWED,
    "service-td-bound-allowed": ALLOWED,
    "module-levels-backwards": ORDER,
    "qe-levels-backwards": ORDER,
    "long-auth": AUTHENTICATION,
    "no-auth": AUTHENTICATION,
    "list-last-second": "the last second of a list counts for us (RFC 5280), not for dcap-qvl",
    "spaced": "dcap-qvl takes no white space before PEM",
    "version-4": OLD_FORMAT,
    "version-5": OLD_FORMAT,
}
# We call it otherwise. Vector -> why.
LATER = (
    "dcap-qvl rates TEE_TCB_SVN2 as a whole, as later editions of Intel's library do; we follow"
    " the one in our reference, which advises a relaunch for an old module alone"
)
OTHERWISE = {
    "no-relaunch-microcode-alone_refused": LATER,
    "no-relaunch-old-first-module_refused": LATER,
    "no-relaunch-old-other-module_refused": LATER,
}


@dataclass(frozen=True)
class Opinion:
    """What somebody says of a quote: a status with advisories, or nothing."""

    status: str
    advisories: tuple[str, ...] = ()


def of_dcap_qvl(
    quote: bytes, collateral: bytes, now: datetime, root: bytes | None = None
) -> Opinion:
    try:
        given = dcap_qvl.QuoteCollateralV3.from_json(collateral.decode())
        seconds = int(now.timestamp())
        if root is None:
            report = dcap_qvl.verify(quote, given, seconds)
        else:
            report = dcap_qvl.verify_with_root_ca(quote, given, root, seconds)
    except (ValueError, RuntimeError, KeyError):
        return Opinion(REFUSED)
    return Opinion(report.status, tuple(sorted(report.advisory_ids)))


def ours(tee: str, quote: bytes, collateral: bytes, now: datetime) -> Opinion:
    documents = [GivenDocument.of(DocumentKind.INTEL_COLLATERAL, collateral)]
    try:
        claims = verify(
            UnverifiedEvidence(tee, {"quote": quote}),
            report_data=UnsafeAnyReportData(),
            endorsements=Endorsements.parse([], [], documents),
            policy=POLICY,
            anchors=TrustAnchors.vendor(),
            now=now,
        )
    except EvidenceError:
        return Opinion(REFUSED)
    return of_claims(claims.values)


def of_claims(values: Mapping[str, object]) -> Opinion:
    listed = values["advisories"]
    return Opinion(str(values["tcb-status"]), tuple(str(listed).split(",")) if listed else ())


@needs_shared
@pytest.mark.parametrize("quote", QUOTES, ids=lambda path: path.name.split(".")[0])
def test_every_real_quote_with_every_real_collateral(quote: Path) -> None:
    tee, data = quote.parent.name, quote.read_bytes()
    for path in COLLATERAL:
        collateral = path.read_bytes()
        issued = json.loads(json.loads(collateral)["tcb_info"])["issueDate"]
        start = datetime.fromisoformat(issued.removesuffix("Z")).replace(tzinfo=UTC)
        for days in (-3, 8, 60):
            now = start + timedelta(days=days)
            theirs = of_dcap_qvl(data, collateral, now)
            assert ours(tee, data, collateral, now) == theirs, (path.name, days)


ACCEPTED = (
    ("tdx/phala-tdx-v4", "tdx/collateral/phala-tdx-quote", "2025-07-04T10:16:31Z"),
    ("tdx/go-tdx-guest-v5-tdx15", "tdx/collateral/lunal-2026-90c06f", "2026-03-31T22:20:07Z"),
    ("sgx/phala-sgx-v3", "sgx/collateral/phala-sgx-quote", "2025-07-04T10:28:44Z"),
)


def mutations(quote: bytes, end: int) -> Iterator[tuple[int, bytes]]:
    """One bit in every 29th byte up to `end` and in each byte of the header; and cuts."""
    for at in sorted({*range(0, end, 29), *range(56), *range(end - 24, end)}):
        yield at, quote[:at] + bytes([quote[at] ^ 1 << at % 8]) + quote[at + 1 :]
    for size in (*range(0, end, 397), end - 1):
        yield size, quote[:size]


@needs_shared
@pytest.mark.parametrize(("name", "collateral", "at"), ACCEPTED, ids=lambda text: text[:12])
def test_every_real_quote_with_something_broken(name: str, collateral: str, at: str) -> None:
    quote = (EVIDENCE / f"{name}.quote.bin").read_bytes()
    document = (EVIDENCE / f"{collateral}.collateral.json").read_bytes()
    now, tee = datetime.fromisoformat(at), name[:3]
    expected = of_dcap_qvl(quote, document, now)
    assert expected.status != REFUSED
    assert ours(tee, quote, document, now) == expected
    # It knows its root, and does not read the one in the quote. We compare every byte of it.
    unread = quote.rindex(b"-----BEGIN CERTIFICATE-----")
    for at, changed in mutations(quote, quote.rindex(b"-----END CERTIFICATE-----") + 25):
        assert ours(tee, changed, document, now) == Opinion(REFUSED), at
        theirs = of_dcap_qvl(changed, document, now)
        assert theirs == Opinion(REFUSED) or (theirs == expected and at >= unread), at


@needs_shared
@pytest.mark.parametrize(("name", "collateral", "at"), ACCEPTED, ids=lambda text: text[:12])
def test_every_real_collateral_with_something_broken(name: str, collateral: str, at: str) -> None:
    quote = (EVIDENCE / f"{name}.quote.bin").read_bytes()
    document = json.loads((EVIDENCE / f"{collateral}.collateral.json").read_bytes())
    now, tee = datetime.fromisoformat(at), name[:3]
    for member, text in document.items():
        for place in range(3, len(text), max(1, len(text) // 40)):
            other = "1" if text[place] != "1" else "2"
            made = document | {member: text[:place] + other + text[place + 1 :]}
            changed = json.dumps(made).encode()
            found = ours(tee, quote, changed, now)
            theirs = of_dcap_qvl(quote, changed, now)
            assert found.status == REFUSED, (member, place)
            # K3: it does not read the roots in the chains of collateral, nor who signed the lists.
            assert theirs.status == REFUSED or member.endswith("issuer_chain"), (member, place)


def vectors() -> list[Path]:
    return [path for tee in ("tdx", "sgx") for path in driver.cases_of(tee)]


def difference(name: str, step: str, mine: Opinion, theirs: Opinion) -> str | None:
    """Return the rule that explains why two opinions differ."""
    if mine.status == REFUSED:
        return STRICTER.get(step)
    return OTHERWISE.get(name) or (LOOSER.get(name) if theirs.status == REFUSED else None)


def our_opinion(tee: str, path: Path, case: dict) -> Opinion:
    """Return what we say of a vector; a status that its policy does not accept is one too."""
    try:
        return of_claims(driver.run(tee, path, case).values)
    except EvidenceError as error:
        status = error.code.removeprefix("tcb-")
        statused = error.code.startswith("tcb-") and error.code is not Refusal.TCB_BELOW_MINIMUM
        return Opinion(status if statused and status not in NEVER else REFUSED)


def test_every_vector_of_ours() -> None:
    used: set[str] = set()
    compared = 0
    for path in vectors():
        tee, case = path.parents[1].name, driver.read_case(path)
        documents = driver.collateral_of(path, case)
        if len(documents) != 1:
            continue  # it takes one document, and does not choose
        now = datetime.fromisoformat(case["now"])
        root = (path.parent / case["root"]).read_bytes()
        mine = our_opinion(tee, path, case)
        theirs = of_dcap_qvl(driver.quote_of(path, case), documents[0], now, root)
        compared += 1
        if mine.status != theirs.status or (case["expect"] == "accepted" and mine != theirs):
            rule = difference(path.parent.name, case["why"].split(":")[0], mine, theirs)
            assert rule is not None, (path.parent.name, case["why"], mine, theirs)
            used.add(rule)
    assert compared > 600
    # A rule that explains nothing any more is to be removed.
    assert used == {*STRICTER.values(), *LOOSER.values(), *OTHERWISE.values()}
