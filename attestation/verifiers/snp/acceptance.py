"""Do we accept such a guest on such a platform? Pure comparisons of a verified report."""

from __future__ import annotations

from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.policy import SnpPolicy
from attestation.trace import NO_TRACE, Trace
from attestation.verifiers.snp import tcb
from attestation.verifiers.snp.chain import VerifiedChain
from attestation.verifiers.snp.report import SnpReport

# POLICY, the guest policy chosen at launch.
SMT: Final = 1 << 16
MUST_BE_ONE: Final = 1 << 17
MIGRATE_MA: Final = 1 << 18
DEBUG: Final = 1 << 19
SINGLE_SOCKET: Final = 1 << 20
CXL_ALLOW: Final = 1 << 21
MEM_AES_256_XTS: Final = 1 << 22
RAPL_DIS: Final = 1 << 23
CIPHERTEXT_HIDING_DRAM: Final = 1 << 24
PAGE_SWAP_DISABLE: Final = 1 << 25
_POLICY_BITS: Final = 26

# PLATFORM_INFO. Unknown bits are allowed: real Turin firmware sets bit 6.
SMT_EN: Final = 1 << 0
TSME_EN: Final = 1 << 1
ECC_EN: Final = 1 << 2
RAPL_IS_DIS: Final = 1 << 3
CIPHERTEXT_HIDING_DRAM_EN: Final = 1 << 4
ALIAS_CHECK_COMPLETE: Final = 1 << 5
TIO_EN: Final = 1 << 7


def check_policy(
    report: SnpReport, chain: VerifiedChain, policy: SnpPolicy, trace: Trace = NO_TRACE
) -> None:
    """Return if `policy` accepts the report; raise `EvidenceError` with the first reason not to."""
    _check_guest(report, policy, trace)
    _check_identity(report, chain, policy, trace)
    product = chain.vek.product
    minimum = policy.minimum_tcb.get(product.name, {})
    trace.check("P", "TCB at least", minimum, lambda: tcb.parts_of(report.reported_tcb, product))
    tcb.check_minimum(report, product, minimum)
    trace.check("P", "platform information", "as the policy demands", hex(report.platform_info))
    _check_platform(report, policy)


def _check_guest(report: SnpReport, policy: SnpPolicy, trace: Trace) -> None:
    bits = report.policy
    trace.check("P", "guest policy bits", "known, bit 17 set", hex(bits))
    if bits >> _POLICY_BITS or not bits & MUST_BE_ONE:
        raise EvidenceError(Refusal.MALFORMED, f"guest policy is {bits:#x}")
    trace.check("P", "debug", policy.allow_debug and "allowed", bool(bits & DEBUG))
    if bits & DEBUG and not policy.allow_debug:
        raise EvidenceError(Refusal.DEBUG_ENABLED, "guest policy allows debugging by the host")
    allowed = policy.allow_migration and "allowed"
    trace.check("P", "migration agent", allowed, bool(bits & MIGRATE_MA))
    if bits & MIGRATE_MA and not policy.allow_migration:
        raise EvidenceError(Refusal.MIGRATABLE, "guest policy allows a migration agent")
    trace.check("P", "VMPL at most", policy.max_vmpl, report.vmpl)
    # 0xFFFFFFFF, a report the host asked for, is above every maximum there can be.
    if report.vmpl > policy.max_vmpl:
        raise EvidenceError(
            Refusal.VMPL_NONZERO, f"VMPL is {report.vmpl:#x}, expected at most {policy.max_vmpl}"
        )
    if bits & SMT and not policy.allow_smt:
        raise EvidenceError(Refusal.GUEST_POLICY_NOT_ALLOWED, "guest policy allows SMT")
    if policy.require_single_socket and not bits & SINGLE_SOCKET:
        raise EvidenceError(Refusal.GUEST_POLICY_NOT_ALLOWED, "guest may span sockets")
    abi = (bits >> 8 & 0xFF, bits & 0xFF)
    if abi < policy.minimum_abi:
        raise EvidenceError(
            Refusal.GUEST_POLICY_NOT_ALLOWED, f"guest ABI is {abi}, expected {policy.minimum_abi}"
        )


def _check_identity(
    report: SnpReport, chain: VerifiedChain, policy: SnpPolicy, trace: Trace
) -> None:
    least = policy.minimum_report_version
    trace.check("P", "report version at least", least, report.version)
    if report.version < policy.minimum_report_version:
        raise EvidenceError(
            Refusal.REPORT_VERSION_TOO_OLD,
            f"report version is {report.version}, expected {policy.minimum_report_version}",
        )
    trace.check("P", "product", sorted(policy.products), chain.vek.product.name)
    if chain.vek.product.name not in policy.products:
        raise EvidenceError(Refusal.PRODUCT_NOT_ALLOWED, f"product is {chain.vek.product.name}")
    trace.check("P", "signing key", sorted(policy.signing_keys), chain.vek.signing_key)
    if chain.vek.signing_key not in policy.signing_keys:
        raise EvidenceError(Refusal.SIGNING_KEY_NOT_ALLOWED, f"key is {chain.vek.signing_key}")
    masked = chain.vek.signing_key == "vcek" and not any(report.chip_id)
    if masked and not policy.allow_masked_chip_id:
        raise EvidenceError(Refusal.CHIP_ID_MASKED, "chip id is masked")


def _check_platform(report: SnpReport, policy: SnpPolicy) -> None:
    for wanted, bit, text in (
        (policy.require_alias_check, ALIAS_CHECK_COMPLETE, "no alias check since reset"),
        (policy.require_ciphertext_hiding, CIPHERTEXT_HIDING_DRAM_EN, "ciphertext is not hidden"),
    ):
        if wanted and not report.platform_info & bit:
            raise EvidenceError(Refusal.PLATFORM_NOT_ALLOWED, text)
    if policy.require_platform_smt_off and report.platform_info & SMT_EN:
        raise EvidenceError(Refusal.PLATFORM_NOT_ALLOWED, "platform has SMT enabled")
