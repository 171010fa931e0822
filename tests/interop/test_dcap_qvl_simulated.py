"""dcap-qvl, whose code shares nothing with ours, on what simulated Intel silicon makes.

That it accepts the honest quotes is the proof that the simulation is exact to the bit.
"""

from __future__ import annotations

import dcap_qvl  # type: ignore[import-untyped]
import pytest

from attestation.simulated.intel.hierarchy import PckCa
from attestation.simulated.sgx.faults import Fault as SgxFault
from attestation.simulated.sgx.platform import SimulatedSgxPlatform
from attestation.simulated.tdx.faults import Fault as TdxFault
from attestation.simulated.tdx.guest import QuoteForm
from attestation.simulated.tdx.platform import SimulatedTdxPlatform
from tests.fakes.intel import make_sgx, make_tdx
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA

Platform = SimulatedTdxPlatform | SimulatedSgxPlatform

# Faults that show as a status, which dcap-qvl hands to its caller.
STATUSES = {
    "sw-hardening-needed": "SWHardeningNeeded",
    "configuration-needed": "ConfigurationNeeded",
    "configuration-and-sw-hardening-needed": "ConfigurationAndSWHardeningNeeded",
    "out-of-date": "OutOfDate",
    "out-of-date-configuration-needed": "OutOfDateConfigurationNeeded",
    "qe-out-of-date": "OutOfDate",
    "old-tdx-microcode": "OutOfDate",
    "module-out-of-date": "OutOfDate",
    "td-relaunch-advised": "TDRelaunchAdvised",
    "td-relaunch-advised-configuration-needed": "TDRelaunchAdvisedConfigurationNeeded",
}
# What dcap-qvl does not look at: report data, replay and what was seen before are the caller's,
# anything may follow a quote, collateral is an argument of its own, event logs are not read.
UNSEEN = {
    "empty-report-data",
    "replayed-nonce",
    "old-collateral",
    "trailing-data",
    "no-collateral",
    "other-event-log",
}


def status_of(platform: Platform, quote: bytes) -> str:
    collateral = platform.silicon.collateral(platform.faults).to_json().decode()
    report = dcap_qvl.verify_with_root_ca(
        quote,
        dcap_qvl.QuoteCollateralV3.from_json(collateral),
        platform.silicon.vendor.root.certificate,
        int(NOW.timestamp()),
    )
    return str(report.status)


def quote_of(platform: Platform) -> bytes:
    return platform.launch(MEASUREMENT).attest(REPORT_DATA).parts["quote"]


@pytest.mark.parametrize("pck_ca", ["platform", "processor"])
@pytest.mark.parametrize("form", QuoteForm)
@pytest.mark.parametrize("padding", [0, 70])
def test_it_accepts_tdx_quotes(form: QuoteForm, pck_ca: PckCa, padding: int) -> None:
    platform = make_tdx(pck_ca=pck_ca)
    guest = platform.launch(MEASUREMENT, form=form, padding=padding)
    quote = guest.attest(REPORT_DATA).parts["quote"]
    assert status_of(platform, quote) == "UpToDate"
    assert dcap_qvl.parse_quote(quote).report.mr_td == MEASUREMENT


@pytest.mark.parametrize("pck_ca", ["platform", "processor"])
def test_it_accepts_sgx_quotes(pck_ca: PckCa) -> None:
    platform = make_sgx(pck_ca=pck_ca)
    assert status_of(platform, quote_of(platform)) == "UpToDate"


@pytest.mark.parametrize("version", [3, 4, 5])
def test_it_reads_sgx_quotes_of_every_version(version: int) -> None:
    # It verifies version 3 alone.
    platform = make_sgx()
    quote = platform.launch(MEASUREMENT, version=version).attest(REPORT_DATA).parts["quote"]
    read = dcap_qvl.parse_quote(quote)
    assert read.is_sgx()
    assert read.header.version == version
    assert read.report.mr_enclave == platform.launch_value(MEASUREMENT)


@pytest.mark.parametrize("pck_ca", ["platform", "processor"])
def test_it_reads_the_same_pck_extension(pck_ca: PckCa) -> None:
    platform = make_tdx(pck_ca=pck_ca)
    read = dcap_qvl.parse_quote(quote_of(platform)).pck_extension()
    written = platform.silicon.extension()
    assert (read.ppid, read.cpu_svn) == (written.ppid, written.cpu_svn)
    assert (read.pce_svn, read.pce_id) == (written.pce_svn, written.pce_id)
    assert (read.fmspc, read.sgx_type) == (written.fmspc, written.sgx_type)
    assert read.platform_instance_id == written.instance_id


@pytest.mark.parametrize("fault", [*TdxFault, *SgxFault], ids=repr)
def test_it_sees_the_same_faults(fault: TdxFault | SgxFault) -> None:
    platform = (
        make_tdx().with_fault(fault)
        if isinstance(fault, TdxFault)
        else make_sgx().with_fault(fault)
    )
    quote = quote_of(platform)
    if fault.value in UNSEEN:
        assert status_of(platform, quote) == "UpToDate"
    elif fault.value in STATUSES:
        assert status_of(platform, quote) == STATUSES[fault.value]
    else:
        with pytest.raises(ValueError, match="Verification failed"):
            status_of(platform, quote)
