"""SGX and TDX quotes, field by field (Intel SGX and TDX DCAP quoting library API)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attestation.describe.field import Described, described, flags
from attestation.intel.pck import PCK_EXTENSION, parse_pck_extension
from attestation.intel.quote import parse_endorsed_key, parse_quote
from attestation.intel.reports import SgxReport
from attestation.limits import MAX_PATH_CERTIFICATES
from attestation.x509.certificate import Certificate, parse_certificate
from attestation.x509.pem import der_blobs

_PCK_CHAIN: Final = 5
_MEANINGS: Final = {
    # Enclave report
    "cpusvn": "security version of the processor",
    "misc_select": "what the processor saves on an exception",
    "isv_ext_prod_id": "extended product id of the enclave's maker",
    "attributes": "bit by bit below",
    "xfrm": "processor features the enclave uses",
    "mrenclave": "SHA-256 of the enclave as it was loaded",
    "mrsigner": "SHA-256 of the key that signed the enclave",
    "config_id": "configuration given at launch",
    "isv_prod_id": "product id of the enclave's maker",
    "isv_svn": "security version of the enclave",
    "config_svn": "version of the configuration",
    "isv_family_id": "family of the enclave",
    # TD report
    "tee_tcb_svn": "security versions of the TDX module at launch",
    "mrseam": "SHA-384 of the TDX module",
    "mrsignerseam": "who signed the TDX module; zeros: Intel",
    "seam_attributes": "attributes of the TDX module; must be zero",
    "td_attributes": "bit by bit below",
    "xfam": "processor features the TD may use",
    "mrtd": "SHA-384 of the TD as it was built: firmware",
    "mrconfigid": "configuration given at launch, not by the owner",
    "mrowner": "owner given at launch",
    "mrownerconfig": "configuration given by the owner",
    "rtmr0": "firmware and its configuration",
    "rtmr1": "boot loader and kernel",
    "rtmr2": "operating system and command line",
    "rtmr3": "what the running system measured",
    "tee_tcb_svn2": "security versions of the TDX module now (TD 1.5)",
    "mrservicetd": "service TDs that are bound; zeros: none (TD 1.5)",
    "report_data": "64 bytes put in by whoever asked: what the quote is bound to",
    # PCK certificate
    "ppid": "this platform's provisioning id",
    "components": "16 security versions that TCB levels are compared with",
    "pcesvn": "security version of the certification enclave",
    "pceid": "which certification enclave",
    "fmspc": "platform family: which collateral is needed",
    "sgx_type": "0 standard, 1 scalable, 2 scalable with integrity",
}
_SGX_BITS: Final[Mapping[int, tuple[str, str]]] = {
    0: ("INIT", "the enclave is initialised"),
    1: ("DEBUG", "a debugger may read the enclave"),
    2: ("MODE64", "64-bit"),
    4: ("PROVISION_KEY", "may use the provisioning key"),
    5: ("EINITTOKEN_KEY", "may use the launch key"),
    7: ("KSS", "key separation and sharing"),
}
_TD_BITS: Final[Mapping[int, tuple[str, str]]] = {
    0: ("DEBUG", "the host may read and change guest memory"),
    28: ("SEPT_VE_DISABLE", "the host cannot inject faults through page tables"),
    29: ("MIGRATABLE", "the TD may be moved"),
    30: ("PKS", "supervisor protection keys"),
    31: ("KL", "key locker"),
    63: ("PERFMON", "performance counters"),
}


def describe_quote(parts: Mapping[str, bytes]) -> list[Described]:
    """Return the fields of a quote, of the quoting enclave and of the platform's certificate."""
    quote = parse_quote(parts.get("quote", b""))
    body = quote.body
    found = [Described("quote", "version", str(quote.version), "layout of the quote")]
    if isinstance(body, SgxReport):
        found += described("quote", body, _MEANINGS)
        found += flags("quote attributes", body.attributes, _SGX_BITS)
    else:
        found += described("quote", body, _MEANINGS)
        found += flags("quote td-attributes", body.td_attributes, _TD_BITS)
    endorsed = parse_endorsed_key(quote)
    qe = [
        Described("quote", f"quoting enclave {one.name}", one.value, one.meaning)
        for one in described("quote", endorsed.qe_report, _MEANINGS, without=("report_data",))
    ]
    kind = Described(
        "quote", "certification type", str(endorsed.certification_type), "5: a PCK chain as PEM"
    )
    return [*found, *qe, kind, *_chain(endorsed.certification_type, endorsed.certification)]


def _chain(kind: int, data: bytes) -> list[Described]:
    if kind != _PCK_CHAIN:
        return []
    text = data.rstrip(b"\0")
    leaf, *_ = map(
        parse_certificate, der_blobs(text, label="CERTIFICATE", limit=MAX_PATH_CERTIFICATES)
    )
    found = [
        Described("quote", "PCK issuer", leaf.issuer_cn, "which CA certified the platform"),
        Described("quote", "PCK not after", leaf.not_after.isoformat(), "valid until"),
    ]
    return found + _platform(leaf)


def _platform(leaf: Certificate) -> list[Described]:
    extension = leaf.extensions.get(PCK_EXTENSION)
    if extension is None:
        return []
    return [
        Described("quote", f"PCK {one.name}", one.value, one.meaning)
        for one in described("quote", parse_pck_extension(extension.value), _MEANINGS)
    ]
