"""TPM quotes and what Azure puts around one, field by field (TCG TPM 2.0 part 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attestation.describe.field import Described, described
from attestation.describe.intel import describe_quote
from attestation.describe.snp import describe_snp
from attestation.tpm.attest import parse_quote
from attestation.tpm.pcr import parse_pcrs
from attestation.verifiers.azure.hcl import parse_hcl_report
from attestation.verifiers.snp.report import REPORT_BYTES

_MEANINGS: Final = {
    "qualified_signer": "name of the key that signed",
    "extra_data": "what the quote is bound to",
    "clock": "milliseconds since the TPM was cleared",
    "reset_count": "how often the machine was reset",
    "restart_count": "how often it was resumed since",
    "clock_safe": "the clock never went back",
    "firmware_version": "firmware of the TPM",
    "selections": "which PCRs the digest is over",
    "pcr_digest": "digest of the selected PCRs",
    "version": "layout",
    "report_type": "2 SEV-SNP, 4 TDX",
    "hash_name": "how the hardware binds the runtime data",
}
_PCRS: Final[dict[int, str]] = {
    0: "firmware",
    1: "firmware configuration",
    2: "option ROMs",
    3: "option ROM configuration",
    4: "boot loader",
    5: "partition table",
    7: "secure boot",
    8: "boot loader commands",
    9: "files the boot loader read",
    11: "unified kernel image",
    12: "kernel command line, or the runner",
    14: "keys of the machine owner",
}


def describe_tpm(parts: Mapping[str, bytes]) -> list[Described]:
    """Return the fields of a quote and the PCR values given with it."""
    found = described("quote", parse_quote(parts.get("quote", b"")), _MEANINGS)
    if "pcrs" in parts:
        for bank, values in parse_pcrs(parts["pcrs"]).items():
            found += [
                Described("pcrs", f"pcr {index} {bank}", value.hex(), _PCRS.get(index, "free use"))
                for index, value in sorted(values.items())
            ]
    return found


def describe_azure(parts: Mapping[str, bytes]) -> list[Described]:
    """Return the paravisor's report, the hardware's evidence in it or beside it, and the quote."""
    report = parse_hcl_report(parts.get("hcl_report", b""))
    found = described("hcl_report", report, _MEANINGS, without=("hardware", "runtime"))
    text = report.runtime.decode("utf-8", "replace")
    found.append(Described("hcl_report", "runtime", text, "keys and configuration of the guest"))
    if "td_quote" in parts:
        found += describe_quote({"quote": parts["td_quote"]})
    elif report.report_type == 2:
        inner = {"report": report.hardware[:REPORT_BYTES]}
        found += describe_snp(inner | {name: parts[name] for name in ("vek",) if name in parts})
    return found + (describe_tpm(parts) if "quote" in parts else [])
