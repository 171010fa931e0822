"""Vectors of steps E, T1, T5, P1 and P2, which TDX and SGX share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from attestation.simulated.intel import levels
from tests.vectors.intel_world import Case, Document, World, accepting, poke

STATUSES = {
    "sw-hardening-needed": "SWHardeningNeeded",
    "configuration-needed": "ConfigurationNeeded",
    "configuration-and-sw-hardening-needed": "ConfigurationAndSWHardeningNeeded",
    "out-of-date": "OutOfDate",
    "out-of-date-configuration-needed": "OutOfDateConfigurationNeeded",
}
NEVER = {"tcb-revoked": "Revoked", "not-supported": "NotSupported"}
ALL = accepting(*STATUSES.values())
# Where ISVSVN lies in a report.
ISV_SVN = 258


def statuses(world: World) -> list[Case]:
    """Return the cases of the quoting enclave, the platform's status and the policy."""
    return [*_enclave(world), *_levels(world), *_merged(world), *_policy(world)]


def _enclave(world: World) -> Iterator[Case]:
    good = world.pieces()

    def quoting(name: str, at: int, value: bytes, **options: Any) -> dict[str, Any]:
        quote = replace(good, qe_report=poke(good.qe_report, at, value)).build()
        return {"name": name, "quote": quote, **options}

    why = "E1: the enclave of the identity"
    for name, fault in (
        ("qe-other-signer", "other-qe-signer"),
        ("qe-other-product", "other-qe-product"),
        ("qe-debug", "debug-qe"),
    ):
        yield world.case(name, why, "qe-mismatch", fault=fault)
    for one in (
        quoting("qe-misc-select", 16, b"\1"),
        quoting("qe-no-provision-key", 48, b"\5"),
        quoting("qe-attribute-63", 55, b"\x80"),
    ):
        yield world.case(why=why, expect="qe-mismatch", **one)
    for one in (
        quoting("qe-mode-32", 48, b"\x11"),
        quoting("qe-other-xfrm", 56, b"\x07"),
    ):
        yield world.good(why="E1: under the mask", **one)
    newer = quoting("qe-newer", ISV_SVN, b"\xff\xff", claims={"qe-isvsvn": 65535})
    yield world.good(why="E2: the highest level", **newer)
    why = "E2: its level"
    yield world.case("qe-old", why, "tcb-OutOfDate", fault="qe-out-of-date")
    yield world.case("qe-revoked", why, "tcb-Revoked", fault="qe-revoked")
    yield world.case("qe-unknown", why, "tcb-NotSupported", fault="qe-not-supported")
    backwards = world.identity(lambda document: document["tcbLevels"].reverse())
    yield world.good("qe-levels-backwards", "E2: the order is not trusted", collateral=[backwards])


def _levels(world: World) -> Iterator[Case]:
    def on(
        name: str, why: str, expect: str, change: Callable[[Document], Any], **more: Any
    ) -> Case:
        return world.case(name, why, expect, collateral=[world.tcb_info(change)], **more)

    def component(index: int, svn: int) -> Callable[[Document], Any]:
        """The highest level asks for more than the platform has."""

        def change(document: Document) -> None:
            document["tcbLevels"][0]["tcb"]["sgxtcbcomponents"][index]["svn"] = svn

        return change

    for fault, status in (STATUSES | NEVER).items():
        name = f"platform-{fault}"
        yield world.case(name, "T1: the level of its SVNs", f"tcb-{status}", fault=fault)
    why = "T1: every component counts"
    last = component(15, 1)
    yield on("last-component", why, "tcb-SWHardeningNeeded", last)
    yield on(
        "pcesvn", "T1: and PCESVN", "tcb-SWHardeningNeeded", _newest(pcesvn=levels.PCE_SVN + 1)
    )
    yield on("no-level", "T1: or none", "tcb-NotSupported", _all(pcesvn=levels.PCE_SVN + 1))
    why = "T1: the order is not trusted"
    backwards = world.tcb_info(lambda document: document["tcbLevels"].reverse())
    yield world.good("levels-backwards", why, collateral=[backwards])
    yield world.case(
        "levels-backwards-old", why, "tcb-OutOfDate", fault="out-of-date", collateral=[backwards]
    )
    newer = world.tcb_info(component(15, 0))
    yield world.good("equal-svns", "T1: equal is enough", collateral=[newer])


def _newest(**tcb: Any) -> Callable[[Document], Any]:
    return lambda document: document["tcbLevels"][0]["tcb"].update(tcb)


def _all(**tcb: Any) -> Callable[[Document], Any]:
    return lambda document: [level["tcb"].update(tcb) for level in document["tcbLevels"]]


def _merged(world: World) -> Iterator[Case]:
    """The QE's SVN with the platform's status: what comes of both."""
    degraded = {
        "sw-hardening-needed": "OutOfDate",
        "configuration-needed": "OutOfDateConfigurationNeeded",
        "configuration-and-sw-hardening-needed": "OutOfDateConfigurationNeeded",
        "out-of-date": "OutOfDate",
        "out-of-date-configuration-needed": "OutOfDateConfigurationNeeded",
        "tcb-revoked": "Revoked",
        "not-supported": "NotSupported",
    }
    for fault, status in degraded.items():
        yield _with_qe(world, f"old-qe-{fault}", fault, levels.QE_SVN - 1, f"tcb-{status}")
    yield _with_qe(world, "revoked-qe-not-supported", "not-supported", 4, "tcb-Revoked")
    yield _with_qe(world, "unknown-qe-revoked", "tcb-revoked", 3, "tcb-Revoked")
    yield _with_qe(world, "unknown-qe-old", "out-of-date", 3, "tcb-NotSupported")
    old = _with_qe(world, "old-qe-accepted", None, levels.QE_SVN - 1, "accepted")
    yield replace(old, policy=accepting("OutOfDate"), stage="claims")


def _with_qe(world: World, name: str, fault: str | None, svn: int, expect: str) -> Case:
    good = world.pieces(fault)
    quote = replace(good, qe_report=poke(good.qe_report, ISV_SVN, svn)).build()
    return world.case(name, "T5: merged with the QE's status", expect, quote=quote)


def _policy(world: World) -> Iterator[Case]:
    for fault, status in STATUSES.items():
        claims = {"tcb-status": status, "tcb.sgx-status": status}
        one = accepting(status)
        quote = world.quote(fault)
        yield world.good(
            f"accept-{fault}", "P1: among the accepted", quote=quote, policy=one, claims=claims
        )
        rest = accepting(*(set(STATUSES.values()) - {status}))
        yield world.case(
            f"deny-{fault}", "P1: among the accepted", f"tcb-{status}", quote=quote, policy=rest
        )
    for fault, status in NEVER.items():
        name = f"never-{fault}"
        yield world.case(name, "P1: never", f"tcb-{status}", fault=fault, policy=ALL)
    quote = world.quote("sw-hardening-needed")
    policy = accepting("SWHardeningNeeded")
    why = "P2: advisories"
    denied = {"intel": policy["intel"] | {"denied_advisories": ["INTEL-SA-00615"]}}
    yield world.case("advisory", why, "advisory-not-accepted", quote=quote, policy=denied)
    other = {"intel": policy["intel"] | {"denied_advisories": ["INTEL-SA-00614"]}}
    claims = {"advisories": "INTEL-SA-00615"}
    yield world.good("other-advisory", why, quote=quote, policy=other, claims=claims)
    good = world.pieces()
    old_qe = replace(good, qe_report=poke(good.qe_report, ISV_SVN, levels.QE_SVN - 1)).build()
    of_qe = {"intel": accepting("OutOfDate")["intel"] | {"denied_advisories": ["INTEL-SA-00477"]}}
    yield world.case("advisory-of-qe", why, "advisory-not-accepted", quote=old_qe, policy=of_qe)
