"""An authentic and appraised TD quote in the flat claim names that policies use."""

from __future__ import annotations

from attestation.claims import ClaimValue
from attestation.verifiers.tdx import acceptance as bits
from attestation.verifiers.tdx.appraised import AppraisedTd


def td_claims(td: AppraisedTd) -> dict[str, ClaimValue]:
    """Return every field of the quote under its name, and what is known of its platform.

    Without `tee`, which the caller knows: the same quote is part of Azure's evidence.
    """
    report = td.report
    attributes = report.td_attributes
    values: dict[str, ClaimValue] = {
        "simulated": td.simulated,
        "product": "tdx-1.0" if report.mrservicetd is None else "tdx-1.5",
        "quote-version": td.quote_version,
        "measurement": report.mrtd.hex(),
        "report-data": report.report_data.hex(),
        "mrseam": report.mrseam.hex(),
        "mrsignerseam": report.mrsignerseam.hex(),
        "seam-attributes": report.seam_attributes.hex(),
        # As the bytes stand in the quote: 64 bits would not survive JSON (RFC 8785).
        "td-attributes": attributes.to_bytes(8, "little").hex(),
        "xfam": report.xfam.hex(),
        "mrconfigid": report.mrconfigid.hex(),
        "mrowner": report.mrowner.hex(),
        "mrownerconfig": report.mrownerconfig.hex(),
        "rtmr0": report.rtmr0.hex(),
        "rtmr1": report.rtmr1.hex(),
        "rtmr2": report.rtmr2.hex(),
        "rtmr3": report.rtmr3.hex(),
        "tee-tcb-svn": report.tee_tcb_svn.hex(),
        "debug": attributes & bits.TUD != 0,
        "migratable": attributes & bits.MIGRATABLE != 0,
        "sept-ve-disable": attributes & bits.SEPT_VE_DISABLE != 0,
        "pks": attributes & bits.PKS != 0,
        "key-locker": attributes & bits.KEY_LOCKER != 0,
        "perfmon": attributes & bits.PERFMON != 0,
    }
    if report.mrservicetd is not None and report.tee_tcb_svn2 is not None:
        values["tee-tcb-svn2"] = report.tee_tcb_svn2.hex()
        values["mrservicetd"] = report.mrservicetd.hex()
    values.update(td.platform.claims)
    return values
