"""Vectors of docs/specs/evidence-tdx.md that SGX does not have: attributes, module, levels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from attestation.simulated.intel.levels import module_identities
from attestation.simulated.intel.quote_writer import TdReport, with_type_and_size
from attestation.simulated.tdx.guest import QuoteForm
from tests.fakes.silicon import MEASUREMENT, REPORT_DATA
from tests.vectors.intel_status_cases import ISV_SVN
from tests.vectors.intel_world import TDX, TDX_PROCESSOR, Case, Document, accepting, poke

GOOD = TDX.guest().report(REPORT_DATA)
SEPT_VE_DISABLE, DEBUG = 1 << 28, 1


def report(**changes: Any) -> bytes:
    """Return a rightly signed quote whose TD report says something else."""
    return quote_of(replace(GOOD, **changes))


def quote_of(body: TdReport) -> bytes:
    return replace(TDX.pieces(), body=with_type_and_size(3, body.encode())).build()


def svns(svn: str, svn2: str | None = None) -> bytes:
    """Return a quote with these SVNs: module minor, module major, microcode, zeros."""
    full, full2 = (bytes.fromhex(one).ljust(16, b"\0") for one in (svn, svn2 or svn))
    return report(tee_tcb_svn=full, tee_tcb_svn2=full2)


def own_cases() -> list[Case]:
    """Return the cases."""
    return [*_bodies(), *_attributes(), *_modules(), *_levels(), *_relaunch()]


def _bodies() -> Iterator[Case]:
    for form in QuoteForm:
        is_td10 = form is not QuoteForm.V5_TD15
        claims = {
            "measurement": MEASUREMENT.hex(),
            "product": "tdx-1.0" if is_td10 else "tdx-1.5",
            "quote-version": 4 if form is QuoteForm.V4 else 5,
        }
        why = "Q2: every version" if form is QuoteForm.V4 else "Q4: every body"
        yield TDX.good(f"form-{form}", why, quote=TDX.quote(form=form), claims=claims)
    why, v4, v5 = "Q4: a body of its size", TDX.pieces(form=QuoteForm.V4), TDX.pieces()
    body = GOOD.encode()
    for name, kind, content in (
        ("body-type-0", 0, body),
        ("body-type-1", 1, body[:384]),
        ("body-type-4", 4, body),
        ("body-10-in-15", 3, body[:584]),
        ("body-15-in-10", 2, body),
        ("body-longer", 3, body + b"\0"),
    ):
        quote = replace(v5, body=with_type_and_size(kind, content)).build()
        yield TDX.case(name, why, "malformed", quote=quote)
    old = replace(v4, header=poke(v4.header, 0, 3)).build()
    yield TDX.case("version-3", "Q4: version 3 is of SGX", "malformed", quote=old)
    flat = replace(v4, nested=None).build()
    yield TDX.case("not-nested", "Q6: nested in type 6", "malformed", quote=flat)
    for kind in (5, 7):
        quote = replace(v4, nested=kind).build()
        yield TDX.case(f"nested-{kind}", "Q6: nested in type 6", "malformed", quote=quote)
    yield TDX.case("old-form-tampered", "G1: version 4", "signature-invalid", quote=_tampered_v4())
    processor = TDX_PROCESSOR
    yield processor.good("processor-ca", "C3: either CA", claims={"pck-ca": "processor"})
    expect = "crl-issuer-mismatch"
    mixed = [TDX.collateral()]
    yield processor.case("list-of-platform-ca", "K8: by the PCK's issuer", expect, collateral=mixed)


def _tampered_v4() -> bytes:
    return TDX.quote("tampered", form=QuoteForm.V4)


def _attributes() -> Iterator[Case]:
    def with_bits(bits: int) -> bytes:
        return report(td_attributes=bits)

    debug = {"tdx": {"allow_debug": True}}
    yield TDX.case("debug", "A1: no debugging", "debug-enabled", fault="debug")
    for bit in range(1, 8):
        quote = with_bits(SEPT_VE_DISABLE | 1 << bit)
        yield TDX.case(f"tud-{bit}", "A1: the whole byte", "debug-enabled", quote=quote)
    yield TDX.good(
        "debug-allowed",
        "A1: debugging",
        quote=TDX.quote("debug"),
        policy=debug,
        claims={"debug": True},
    )
    quote = with_bits(SEPT_VE_DISABLE | DEBUG | 2)
    yield TDX.case("tud-1-allowed", "A1: bit 0 only", "debug-enabled", quote=quote, policy=debug)
    for bit in (8, 27, 32, 62):
        quote = with_bits(SEPT_VE_DISABLE | 1 << bit)
        yield TDX.case(f"reserved-{bit}", "A2: reserved bits", "malformed", quote=quote)
    known = SEPT_VE_DISABLE | 1 << 30 | 1 << 31 | 1 << 63
    yield TDX.good(
        "known-bits",
        "A2: known bits",
        quote=with_bits(known),
        claims={"pks": True, "key-locker": True, "perfmon": True},
    )
    for fault, code, member in (
        ("sept-ve-disable-clear", "sept-ve-disable-clear", {"require_sept_ve_disable": False}),
        ("migratable", "migratable", {"allow_migration": True}),
        ("service-td-bound", "service-td-bound", {"allow_service_td": True}),
    ):
        why = f"A{3 + ('sept', 'migr', 'serv').index(fault[:4])}: unless allowed"
        yield TDX.case(fault, why, code, fault=fault)
        allowed = {"tdx": member}
        yield TDX.good(f"{fault}-allowed", why, quote=TDX.quote(fault), policy=allowed)
    last = report(mr_service_td=bytes(47) + b"\1")
    yield TDX.case("service-td-last-byte", "A5: all of it", "service-td-bound", quote=last)


def _modules() -> Iterator[Case]:
    why = "M1: a known module"
    yield TDX.case("module-unknown", why, "module-mismatch", fault="unknown-module")
    hexadecimal = TDX.tcb_info(
        lambda document: document["tdxModuleIdentities"][0].update(id="TDX_0A")
    )
    yield TDX.good(
        "module-0a", "M1: two hex digits", quote=svns("030a04"), collateral=[hexadecimal]
    )
    yield TDX.case(
        "module-10", why, "module-mismatch", quote=svns("031004"), collateral=[hexadecimal]
    )
    none = TDX.tcb_info(lambda document: document.pop("tdxModuleIdentities"))
    yield TDX.case("no-modules", why, "module-mismatch", collateral=[none])
    why = "M2: as it is described"
    yield TDX.case("module-signer", why, "module-mismatch", fault="other-module-signer")
    attributes = report(seam_attributes=1)
    yield TDX.case("seam-attributes", why, "module-mismatch", quote=attributes)
    allowed = TDX.tcb_info(_module(1, attributes="01" + "00" * 7, attributesMask="00" * 8))
    yield TDX.case(
        "seam-attributes-masked", why, "module-mismatch", quote=attributes, collateral=[allowed]
    )
    signer = {"mrsigner": "5E" * 48}
    signed = TDX.quote("other-module-signer")
    described = TDX.tcb_info(_module(1, **signer))
    yield TDX.good("module-signer-described", why, quote=signed, collateral=[described])
    yield TDX.case("module-signer-missing", why, "module-mismatch", collateral=[described])
    first = "050004"
    described = TDX.tcb_info(lambda document: document["tdxModule"].update(signer))
    yield TDX.case(
        "first-module-signer", why, "module-mismatch", quote=svns(first), collateral=[described]
    )
    yield TDX.good("first-module", "M3: version 0 has no levels", quote=svns(first))
    yield TDX.good("other-module", "M1: either module", quote=svns("030304"))
    why = "M3: its level"
    for fault, status in (
        ("module-out-of-date", "OutOfDate"),
        ("module-revoked", "Revoked"),
        ("module-not-supported", "NotSupported"),
    ):
        yield TDX.case(fault, why, f"tcb-{status}", fault=fault)
    yield TDX.good("newer-module", why, quote=svns("ff0104"))
    backwards = TDX.tcb_info(
        lambda document: document["tdxModuleIdentities"][1]["tcbLevels"].reverse()
    )
    yield TDX.good(
        "module-levels-backwards", "M3: the order is not trusted", collateral=[backwards]
    )
    yield from _described_modules()


def _module(index: int, **members: Any) -> Any:
    return lambda document: document["tdxModuleIdentities"][index].update(members)


def _described_modules() -> Iterator[Case]:
    def bad(name: str, change: Any) -> Case:
        why = "K5: modules as documented"
        return TDX.case(f"tcb-{name}", why, "malformed", collateral=[TDX.tcb_info(change)])

    yield bad("no-module", lambda document: document.pop("tdxModule"))
    yield bad("module-short", _module(0, mrsigner="00"))
    yield bad("module-unknown-member", _module(0, note=""))
    yield bad("module-no-levels", _module(0, tcbLevels=[]))
    twice = module_identities() + module_identities()[:1]
    yield bad("module-twice", lambda document: document.update(tdxModuleIdentities=twice))
    yield bad(
        "tdx-components", lambda document: document["tcbLevels"][0]["tcb"].pop("tdxtcbcomponents")
    )


def _levels() -> Iterator[Case]:
    why = "T2: the TDX components"
    yield TDX.case("old-microcode", why, "tcb-OutOfDate", fault="old-tdx-microcode")
    configuration = svns("0b0101")
    code = "tcb-OutOfDateConfigurationNeeded"
    yield TDX.case("older-microcode", why, code, quote=configuration)
    yield TDX.case("oldest-microcode", why, "tcb-Revoked", quote=svns("0b0100"))
    yield TDX.case(
        "first-module-old", "T2: all 16 for version 0", "tcb-NotSupported", quote=svns("040004")
    )
    yield TDX.good("module-in-own-levels", "T2: from index 2 on", quote=svns("030304"))

    def last(document: Document) -> None:
        document["tcbLevels"][0]["tcb"]["tdxtcbcomponents"][15]["svn"] = 1

    asked = [TDX.tcb_info(last)]
    yield TDX.case("last-tdx-component", why, "tcb-SWHardeningNeeded", collateral=asked)
    accepted = {"tcb.tdx-status": "OutOfDate", "tcb.sgx-status": "UpToDate"}
    policy = accepting("OutOfDate")
    quote = TDX.quote("old-tdx-microcode")
    yield TDX.good(
        "accept-old-microcode", "T2: its own status", quote=quote, policy=policy, claims=accepted
    )
    denied = {"intel": policy["intel"] | {"denied_advisories": ["INTEL-SA-01036"]}}
    quote = TDX.quote("module-out-of-date")
    yield TDX.case(
        "advisory-of-module", "P2: advisories", "advisory-not-accepted", quote=quote, policy=denied
    )
    why = "T3: merged with the module's status"
    quote, policy = _on("sw-hardening-needed", "0b0104"), accepting("SWHardeningNeeded")
    yield TDX.good("new-module-sw-hardening-needed", why, quote=quote, policy=policy)
    for fault, status in (
        ("sw-hardening-needed", "OutOfDate"),
        ("configuration-needed", "OutOfDateConfigurationNeeded"),
        ("configuration-and-sw-hardening-needed", "OutOfDateConfigurationNeeded"),
        ("out-of-date", "OutOfDate"),
        ("out-of-date-configuration-needed", "OutOfDateConfigurationNeeded"),
        ("tcb-revoked", "Revoked"),
        ("not-supported", "NotSupported"),
    ):
        yield TDX.case(f"old-module-{fault}", why, f"tcb-{status}", quote=_on(fault, "070104"))
    yield TDX.case("revoked-module-old", why, "tcb-Revoked", quote=_on("out-of-date", "040104"))
    unknown = _on("out-of-date", "030104")
    yield TDX.case("unknown-module-old", why, "tcb-NotSupported", quote=unknown)


def _on(fault: str, svn: str, svn2: str | None = None) -> bytes:
    """Return a quote of a platform with a fault, with these SVNs."""
    full, full2 = (bytes.fromhex(one).ljust(16, b"\0") for one in (svn, svn2 or svn))
    body = replace(GOOD, tee_tcb_svn=full, tee_tcb_svn2=full2)
    return replace(TDX.pieces(fault), body=with_type_and_size(3, body.encode())).build()


def _relaunch() -> Iterator[Case]:
    why, advised = "T4: a relaunch would do", "tcb-TDRelaunchAdvised"
    configuration = "tcb-TDRelaunchAdvisedConfigurationNeeded"
    yield TDX.case("relaunch", why, advised, fault="td-relaunch-advised")
    quote = _on("configuration-needed", "070101", "0b0104")
    yield TDX.case("relaunch-configuration", why, configuration, quote=quote)
    policy = accepting("TDRelaunchAdvised")
    quote = TDX.quote("td-relaunch-advised")
    claims = {"tcb-status": "TDRelaunchAdvised"}
    yield TDX.good("accept-relaunch", why, quote=quote, policy=policy, claims=claims)
    policy = accepting("TDRelaunchAdvisedConfigurationNeeded")
    quote = _on("configuration-needed", "070101", "0b0104")
    yield TDX.good(
        "accept-relaunch-configuration", "P1: among the accepted", quote=quote, policy=policy
    )
    yield TDX.case(
        "relaunch-hardening", why, advised, quote=_on("sw-hardening-needed", "070102", "0b0104")
    )
    other = svns("070102", "030304")
    yield TDX.case("relaunch-to-other-module", why, advised, quote=other)
    first = svns("070102", "050004")
    yield TDX.case("relaunch-to-first-module", why, advised, quote=first)
    quote = _on("configuration-needed", "070102", "0b0104")
    yield TDX.case("relaunch-configured", why, configuration, quote=quote)
    yield TDX.case(
        "relaunch-unknown-module",
        "T4: a known module",
        "module-mismatch",
        quote=svns("070102", "0b0904"),
        stage="module",
    )
    why = "T4: only to the newest of everything"
    for name, svn2 in (
        ("module", "0a0104"),
        ("microcode", "0b0103"),
        ("old-other-module", "020304"),
        ("old-first-module", "040004"),
    ):
        yield TDX.case(f"no-relaunch-{name}", why, "tcb-OutOfDate", quote=svns("070102", svn2))
    why = "T4: only for the module"
    quote = _on("out-of-date", "070102", "0b0104")
    yield TDX.case("no-relaunch-platform", why, "tcb-OutOfDate", quote=quote)
    yield TDX.case(
        "no-relaunch-microcode-alone", why, "tcb-OutOfDate", quote=svns("0b0102", "0b0104")
    )
    pieces = TDX.pieces("td-relaunch-advised")
    old_qe = replace(pieces, qe_report=poke(pieces.qe_report, ISV_SVN, 7)).build()
    yield TDX.case("no-relaunch-qe", why, "tcb-OutOfDate", quote=old_qe)
    old = replace(GOOD, tee_tcb_svn=bytes([7, 1, 2]) + bytes(13), tee_tcb_svn2=None)
    quote = replace(TDX.pieces(), body=with_type_and_size(2, old.encode())).build()
    yield TDX.case("no-relaunch-td10", "T4: of TD 1.5", "tcb-OutOfDate", quote=quote)
