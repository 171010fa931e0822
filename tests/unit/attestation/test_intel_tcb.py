"""The status of a platform: levels, module, quoting enclave and relaunch, by hand-made levels."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from attestation.errors import EvidenceError, Refusal
from attestation.intel import tcb_info
from attestation.intel.levels import SvnLevel, level_of, parse_svn_levels
from attestation.intel.module import appraise_module, module_id
from attestation.intel.pck import PckExtension
from attestation.intel.reports import TdReport
from attestation.intel.signed_json import decode
from attestation.intel.tcb import appraise_sgx, appraise_tdx, merge
from attestation.intel.tcb_info import Module, TcbInfo, TcbLevel, parse_tcb_info
from attestation.limits import MAX_JSON_VALUES

THEN = datetime(2026, 1, 1, tzinfo=UTC)
UP_TO_DATE = SvnLevel(0, "UpToDate")
OUT_OF_DATE = SvnLevel(0, "OutOfDate", ("INTEL-SA-2",))
STATUSES = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
)


def decoded(value: object) -> Any:
    return decode(json.dumps(value).encode(), what="a document")


def svns(*values: int) -> bytes:
    return bytes(values).ljust(16, b"\0")


def level(
    status: str, sgx: bytes = svns(5), pcesvn: int = 10, tdx: bytes = svns(3, 0, 4)
) -> TcbLevel:
    return TcbLevel(sgx, tdx, pcesvn, status, "2025-01-01T00:00:00Z", ("INTEL-SA-1",))


def info(*levels: TcbLevel, modules: dict[str, Module] | None = None) -> TcbInfo:
    return TcbInfo(
        id="TDX",
        issued=THEN,
        next_update=THEN,
        fmspc=bytes(6),
        pceid=bytes(2),
        evaluation_number=18,
        levels=levels,
        module=Module(bytes(48), bytes(8), b"\xff" * 8),
        modules=MappingProxyType(modules or {}),
    )


def module(*levels: SvnLevel) -> Module:
    return Module(bytes(48), bytes(8), b"\xff" * 8, levels)


def platform(components: bytes = svns(5), pcesvn: int = 10) -> PckExtension:
    return PckExtension(bytes(16), components, pcesvn, bytes(16), bytes(2), bytes(6), 0)


def report(svn: bytes = svns(3, 0, 4), svn2: bytes | None = None) -> TdReport:
    zero = bytes(48)
    return TdReport(
        svn, zero, zero, bytes(8), 0, bytes(8), *[zero] * 8, bytes(64), svn2, svn2 and zero
    )


def tdx_status(
    levels: TcbInfo,
    *,
    svn: bytes = svns(3, 0, 4),
    svn2: bytes | None = None,
    components: bytes = svns(5),
    pcesvn: int = 10,
    module_level: SvnLevel = UP_TO_DATE,
    qe: SvnLevel = UP_TO_DATE,
) -> str:
    made = report(svn, svn2)
    return appraise_tdx(platform(components, pcesvn), made, levels, module_level, qe).status


@pytest.mark.parametrize(
    ("components", "pcesvn", "status"),
    [
        (svns(5), 10, "UpToDate"),
        (svns(6, 9), 11, "UpToDate"),
        (svns(4), 10, "OutOfDate"),
        (svns(5), 9, "OutOfDate"),
        (svns(255, 0), 4, "NotSupported"),
        (svns(2), 10, "NotSupported"),
    ],
)
def test_every_component_and_the_pcesvn_must_reach_a_level(
    components: bytes, pcesvn: int, status: str
) -> None:
    levels = info(level("UpToDate"), level("OutOfDate", svns(3), 5))
    found = appraise_sgx(platform(components, pcesvn), levels, UP_TO_DATE)
    assert found.status == status
    assert found.sgx_status == ("" if status == "NotSupported" else status)
    assert found.advisories == (() if status == "NotSupported" else ("INTEL-SA-1",))


@pytest.mark.parametrize("index", range(16))
def test_no_component_is_left_out(index: int) -> None:
    need = bytes(7 if at == index else 3 for at in range(16))
    levels = info(level("UpToDate", need, tdx=need))
    below = bytes(6 if at == index else 200 for at in range(16))
    assert appraise_sgx(platform(need), levels, UP_TO_DATE).status == "UpToDate"
    assert appraise_sgx(platform(below), levels, UP_TO_DATE).status == "NotSupported"
    without_module = bytes([below[0], 0, *below[2:]])
    version = replace(
        levels, levels=(level("UpToDate", bytes(16), tdx=bytes([*need[:1], 0, *need[2:]])),)
    )
    expected = "UpToDate" if index == 1 else "NotSupported"
    assert tdx_status(version, svn=without_module, components=need) == expected


@pytest.mark.parametrize(
    ("svn", "status"),
    [
        (svns(3, 0, 4), "UpToDate"),
        (svns(2, 0, 4), "NotSupported"),
        (svns(3, 0, 3), "NotSupported"),
        # From module version 1 on, components 0 and 1 are judged by the module's own levels.
        (svns(0, 1, 4), "UpToDate"),
        (svns(0, 1, 3), "NotSupported"),
    ],
)
def test_components_of_the_module_count_only_in_version_0(svn: bytes, status: str) -> None:
    assert tdx_status(info(level("UpToDate")), svn=svn) == status


def test_tdx_level_may_be_below_the_sgx_level() -> None:
    levels = info(level("SWHardeningNeeded"), level("OutOfDate", svns(3), 5, svns(2, 0, 2)))
    found = appraise_tdx(platform(), report(svns(2, 0, 2)), levels, UP_TO_DATE, UP_TO_DATE)
    assert (found.status, found.sgx_status, found.tdx_status) == (
        "OutOfDate",
        "SWHardeningNeeded",
        "OutOfDate",
    )


def test_tdx_level_is_sought_only_where_the_sgx_part_fits() -> None:
    levels = info(level("UpToDate"), level("OutOfDate", svns(3), 5, svns(9, 0, 9)))
    assert tdx_status(levels, components=svns(3), svn=svns(3, 0, 4)) == "NotSupported"


@pytest.mark.parametrize("part", STATUSES)
@pytest.mark.parametrize("status", [*STATUSES, "NotSupported", "TDRelaunchAdvised"])
def test_merging(status: str, part: str) -> None:
    found = merge(status, part)
    if "Revoked" in (status, part):
        assert found == "Revoked"
    elif status == "NotSupported":
        assert found == "NotSupported"
    elif part == "OutOfDate":
        worse = {
            "UpToDate": "OutOfDate",
            "SWHardeningNeeded": "OutOfDate",
            "ConfigurationNeeded": "OutOfDateConfigurationNeeded",
            "ConfigurationAndSWHardeningNeeded": "OutOfDateConfigurationNeeded",
        }
        assert found == worse.get(status, status)
    else:
        assert found == status


def test_part_that_is_not_supported_makes_all_of_it_so() -> None:
    assert merge("UpToDate", "NotSupported") == "NotSupported"
    assert tdx_status(info(level("UpToDate")), qe=level_of((), 5)) == "NotSupported"


def test_advisories_are_those_of_every_part() -> None:
    qe = SvnLevel(0, "OutOfDate", ("INTEL-SA-3", "INTEL-SA-1"))
    found = appraise_tdx(platform(), report(), info(level("UpToDate")), OUT_OF_DATE, qe)
    assert found.advisories == ("INTEL-SA-1", "INTEL-SA-2", "INTEL-SA-3")
    assert found.status == "OutOfDate"
    assert (found.module_status, found.qe_status) == ("OutOfDate", "OutOfDate")


class TestRelaunch:
    """A TD that began under an old module, on a platform that has the newest by now."""

    MODULES = {  # noqa: RUF012 - read only
        "TDX_01": module(SvnLevel(6, "UpToDate"), OUT_OF_DATE),
        "TDX_03": module(SvnLevel(3, "UpToDate")),
    }

    def status(self, status: str = "UpToDate", svn2: bytes | None = svns(6, 1, 4), **more) -> str:
        levels = info(level(status), modules=self.MODULES)
        more = {"module_level": OUT_OF_DATE, "svn": svns(4, 1, 4)} | more
        return tdx_status(levels, svn2=svn2, **more)

    @pytest.mark.parametrize(
        ("status", "advised"),
        [
            ("UpToDate", "TDRelaunchAdvised"),
            ("SWHardeningNeeded", "TDRelaunchAdvised"),
            ("ConfigurationNeeded", "TDRelaunchAdvisedConfigurationNeeded"),
            ("ConfigurationAndSWHardeningNeeded", "TDRelaunchAdvisedConfigurationNeeded"),
            ("OutOfDate", "OutOfDate"),
            ("OutOfDateConfigurationNeeded", "OutOfDateConfigurationNeeded"),
            ("Revoked", "Revoked"),
        ],
    )
    def test_status_decides_which_advice(self, status: str, advised: str) -> None:
        assert self.status(status) == advised

    @pytest.mark.parametrize(
        ("svn2", "enough"),
        [
            (svns(6, 1, 4), True),
            (svns(7, 1, 5), True),
            (svns(5, 1, 4), False),
            (svns(6, 1, 3), False),
            (svns(3, 3, 4), True),
            (svns(2, 3, 4), False),
            (svns(3, 0, 4), True),
            (svns(2, 0, 4), False),
            (None, False),  # TD 1.0 has no second version
        ],
    )
    def test_what_runs_now_must_be_the_newest(self, svn2: bytes | None, enough: bool) -> None:
        assert self.status(svn2=svn2) == ("TDRelaunchAdvised" if enough else "OutOfDate")

    def test_a_module_that_nobody_described_is_refused(self) -> None:
        with pytest.raises(EvidenceError) as caught:
            self.status(svn2=svns(9, 2, 9))
        assert caught.value.code is Refusal.MODULE_MISMATCH

    def test_either_level_may_ask_for_configuration(self) -> None:
        levels = info(
            level("ConfigurationNeeded"),
            level("OutOfDate", svns(5), 10, svns(3, 0, 2)),
            modules=self.MODULES,
        )
        found = tdx_status(levels, svn=svns(4, 1, 2), svn2=svns(6, 1, 4), module_level=OUT_OF_DATE)
        assert found == "TDRelaunchAdvisedConfigurationNeeded"

    def test_the_quoting_enclave_must_be_current(self) -> None:
        assert self.status(qe=OUT_OF_DATE) == "OutOfDate"
        assert self.status(qe=SvnLevel(0, "Revoked")) == "Revoked"

    def test_only_an_old_module_is_a_reason(self) -> None:
        assert self.status(module_level=UP_TO_DATE) == "UpToDate"
        assert self.status(module_level=SvnLevel(0, "Revoked")) == "Revoked"

    def test_the_processor_must_be_current(self) -> None:
        levels = info(level("UpToDate"), level("OutOfDate", svns(3), 5), modules=self.MODULES)
        found = tdx_status(
            levels,
            svn=svns(4, 1, 4),
            svn2=svns(6, 1, 4),
            components=svns(3),
            module_level=OUT_OF_DATE,
        )
        assert found == "OutOfDate"

    def test_a_tdx_level_that_is_behind_is_a_reason_too(self) -> None:
        levels = info(
            level("UpToDate"), level("OutOfDate", svns(5), 10, svns(3, 0, 2)), modules=self.MODULES
        )
        found = tdx_status(levels, svn=svns(4, 1, 2), svn2=svns(6, 1, 4), module_level=OUT_OF_DATE)
        assert found == "TDRelaunchAdvised"


class TestModule:
    LEVELS = (SvnLevel(6, "UpToDate"), SvnLevel(4, "OutOfDate"), SvnLevel(2, "Revoked"))

    @pytest.mark.parametrize(
        ("minor", "status"),
        [(9, "UpToDate"), (6, "UpToDate"), (5, "OutOfDate"), (3, "Revoked"), (1, "NotSupported")],
    )
    def test_status_is_of_the_highest_level_reached(self, minor: int, status: str) -> None:
        levels = info(level("UpToDate"), modules={"TDX_01": module(*self.LEVELS)})
        assert appraise_module(report(svns(minor, 1, 4)), levels).status == status

    def test_version_0_has_no_levels_of_its_own(self) -> None:
        assert appraise_module(report(), info(level("UpToDate"))).status == "UpToDate"

    def test_names_are_in_hex(self) -> None:
        assert (module_id(1), module_id(10), module_id(0x1F)) == ("TDX_01", "TDX_0A", "TDX_1F")

    def refusal(self, changed: TdReport, known: TcbInfo) -> Refusal:
        with pytest.raises(EvidenceError) as caught:
            appraise_module(changed, known)
        return caught.value.code

    def test_what_nobody_described_is_refused(self) -> None:
        known = info(level("UpToDate"), modules={"TDX_01": module(*self.LEVELS)})
        assert self.refusal(report(svns(9, 2)), known) is Refusal.MODULE_MISMATCH
        other = replace(report(svns(9, 1)), mrsignerseam=b"\1" * 48)
        assert self.refusal(other, known) is Refusal.MODULE_MISMATCH
        assert self.refusal(replace(other, tee_tcb_svn=svns(3)), known) is Refusal.MODULE_MISMATCH

    @pytest.mark.parametrize("version", [0, 1])
    def test_attributes_are_zero_even_where_the_mask_leaves_them_out(self, version: int) -> None:
        loose = Module(bytes(48), bytes(8), bytes(8), self.LEVELS)
        known = replace(info(level("UpToDate"), modules={"TDX_01": loose}), module=loose)
        changed = replace(report(svns(9, version)), seam_attributes=b"\1" + bytes(7))
        assert self.refusal(changed, known) is Refusal.MODULE_MISMATCH
        wanted = replace(loose, attributes=b"\1" + bytes(7), attributes_mask=b"\xff" * 8)
        known = replace(known, modules=MappingProxyType({"TDX_01": wanted}), module=wanted)
        assert self.refusal(report(svns(9, version)), known) is Refusal.MODULE_MISMATCH


def level_document(sgx: int, pcesvn: int, tdx: int | None, status: str) -> dict:
    tcb: dict = {"pcesvn": pcesvn, "sgxtcbcomponents": [{"svn": sgx}] * 16}
    if tdx is not None:
        tcb["tdxtcbcomponents"] = [{"svn": tdx}] * 16
    return {"tcb": tcb, "tcbDate": "2025-01-01T00:00:00Z", "tcbStatus": status}


def test_order_of_levels_is_not_assumed() -> None:
    listed = [
        level_document(3, 10, 3, "UpToDate"),
        level_document(3, 10, 2, "SWHardeningNeeded"),
        level_document(2, 11, 3, "OutOfDate"),
        level_document(2, 10, 3, "Revoked"),
    ]
    document = {
        "id": "TDX",
        "version": 3,
        "issueDate": "2026-01-01T00:00:00Z",
        "nextUpdate": "2026-01-31T00:00:00Z",
        "fmspc": "00" * 6,
        "pceId": "0000",
        "tcbType": 0,
        "tcbEvaluationDataNumber": 18,
        "tdxModule": {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8},
    }
    expected = parse_tcb_info(decoded(document | {"tcbLevels": listed})).levels
    assert [one.status for one in expected] == [one["tcbStatus"] for one in listed]
    for order in itertools.permutations(listed):
        assert parse_tcb_info(decoded(document | {"tcbLevels": order})).levels == expected


def test_order_of_svn_levels_is_not_assumed() -> None:
    listed = [
        {"tcb": {"isvsvn": svn}, "tcbDate": "2025-01-01T00:00:00Z", "tcbStatus": status}
        for svn, status in ((6, "UpToDate"), (4, "OutOfDate"), (2, "Revoked"))
    ]
    for order in itertools.permutations(listed):
        assert [one.isv_svn for one in parse_svn_levels(decoded(order))] == [6, 4, 2]
    with pytest.raises(EvidenceError):
        parse_svn_levels(decoded([*listed, listed[0]]))


COMPONENTS = json.dumps([{"svn": svn, "category": "BIOS", "type": ""} for svn in range(16)])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"svn": 3', '"svn": 256'),
        ('"svn": 3', '"svn": -1'),
        ('"svn": 3', '"svn": true'),
        ('"svn": 3', '"svn": 3, "svn": 3'),
        ('"svn": 3', '"svn": 3, "other": ""'),
        ('"svn": 3, "category": "BIOS"', '"svn": 3, "category": 3'),
        ('"svn": 3, "category": "BIOS"', '"category": "BIOS"'),
        ('"svn": 3, "category": "BIOS"', '"category": 3'),
        ('{"svn": 3', '[], {"svn": 3'),
        ('{"svn": 0, "category": "BIOS", "type": ""}', "[]"),
        ('{"svn": 0, "category": "BIOS", "type": ""}, ', ""),
    ],
)
def test_components_are_read_exactly(old: str, new: str) -> None:
    text = COMPONENTS.replace(old, new, 1)
    assert text != COMPONENTS
    assert tcb_info._components(decode(COMPONENTS.encode(), what="components")) == bytes(range(16))
    with pytest.raises(EvidenceError):
        tcb_info._components(decode(text.encode(), what="components"))


def test_more_values_than_any_document_has() -> None:
    most = b"[" + b"1," * (MAX_JSON_VALUES - 1) + b"1]"
    assert len(decode(most, what="x")) == MAX_JSON_VALUES
    with pytest.raises(EvidenceError, match="more than"):
        decode(b"[1," + most[1:], what="x")
