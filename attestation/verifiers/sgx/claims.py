"""An authentic and appraised enclave quote in the flat claim names that policies use."""

from __future__ import annotations

from types import MappingProxyType

from attestation.claims import ClaimValue, VerifiedClaims
from attestation.intel.appraisal import AppraisedPlatform
from attestation.intel.reports import SgxReport
from attestation.verifiers.sgx import acceptance as bits


def claims_of(report: SgxReport, quote_version: int, platform: AppraisedPlatform) -> VerifiedClaims:
    """Return every field of the quote under its name; call only once all checks have passed."""
    simulated = platform.key.pck.path.anchor.simulated
    values: dict[str, ClaimValue] = {
        "tee": "sgx",
        "simulated": simulated,
        "product": "sgx",
        "quote-version": quote_version,
        "measurement": report.mrenclave.hex(),
        "report-data": report.report_data.hex(),
        "mrsigner": report.mrsigner.hex(),
        "isv-prod-id": report.isv_prod_id,
        "isv-svn": report.isv_svn,
        # As the bytes stand in the quote: 64 bits would not survive JSON (RFC 8785).
        "attributes": report.attributes.to_bytes(8, "little").hex(),
        "xfrm": report.xfrm.to_bytes(8, "little").hex(),
        "misc-select": report.misc_select.to_bytes(4, "little").hex(),
        "config-id": report.config_id.hex(),
        "config-svn": report.config_svn,
        "isv-ext-prod-id": report.isv_ext_prod_id.hex(),
        "isv-family-id": report.isv_family_id.hex(),
        "cpu-svn": report.cpusvn.hex(),
        "debug": report.attributes & bits.DEBUG != 0,
        "provision-key": report.attributes & bits.PROVISION_KEY != 0,
    }
    return VerifiedClaims(
        tee="sgx",
        simulated=simulated,
        measurement=report.mrenclave,
        report_data=report.report_data,
        values=MappingProxyType(values | dict(platform.claims)),
    )
