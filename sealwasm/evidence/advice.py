"""The first thing to do about each refusal of evidence."""

from __future__ import annotations

from typing import Final

_COLLATERAL = "fetch fresh collateral: sealwasm endorsements fetch --help, then --collateral FILE"
_UPDATE = "update firmware and microcode of the platform, or accept it by name: --accept-tcb STATUS"
_FRESH = "ask for evidence again over your own 64 bytes: --report-data HEX"
_RELAUNCH_STRICT = "launch the guest again without it; a policy has to allow it by name otherwise"
_TOKEN = "get a new one: they count for minutes; of an archived one judge --at its TIME"  # noqa: S105 - advice

NEXT_OF_REFUSAL: Final[dict[str, str]] = {
    # Structure
    "malformed": "check that each file is whole and of the kind it was given as",
    "trailing-data": "cut off what is behind the evidence, or collect it again",
    "unsupported": "name what it is: --tee NAME; sealwasm evidence verify --help",
    # Who signed
    "simulated-not-trusted": "name the simulated platform: --trust-simulated FOLDER",
    "no-endorsement": (
        "give what the vendor publishes: --chain FILE, --collateral FILE, --key FILE, "
        "or --trust-simulated FOLDER"
    ),
    "bad-trust-anchor": "check the key or root given: it is of a wrong type or not on its curve",
    "untrusted-chain": "check --chain: it must end in a pinned vendor's root",
    "untrusted-key": "get the issuer's key from the issuer, not from the token",
    "unknown-signing-key": "give the issuer's current key set: --key FILE",
    "crl-missing": "give the vendor's revocation list: --crl FILE",
    "crl-expired": "fetch the vendor's newest list: sealwasm endorsements fetch --help",
    "crl-issuer-mismatch": "give the list of the issuer of this chain: --crl FILE",
    "cert-expired": "of archived evidence judge --at its TIME; else check this machine's clock",
    "cert-not-yet-valid": "check --at and the clock of this machine",
    "cert-revoked": "do not use this machine: its maker withdrew the certificate",
    "cert-on-hold": "do not use this machine until its maker lifts the hold",
    "collateral-expired": _COLLATERAL,
    "collateral-not-yet-valid": "check --at and the clock of this machine",
    "collateral-signature-invalid": _COLLATERAL,
    "collateral-tee-mismatch": _COLLATERAL,
    "collateral-rollback": _COLLATERAL,
    "fmspc-mismatch": "give the collateral of this platform family: sealwasm evidence show FILE",
    "qe-mismatch": "the quoting enclave is not Intel's current one: update the platform software",
    "module-mismatch": _COLLATERAL,
    # Binding
    "report-data-mismatch": _FRESH,
    "nonce-mismatch": _FRESH,
    "device-binding": "collect processor and devices in one go, for one request",
    "pcr-digest-mismatch": "read the PCRs again, right after the quote",
    "event-log-mismatch": "collect the event log of this boot, whole",
    "chip-id-mismatch": "give the VCEK of this chip: sealwasm endorsements fetch --help",
    "tcb-mismatch": "give the VCEK for the reported TCB: sealwasm endorsements fetch --help",
    "product-mismatch": "give certificates of this product: sealwasm evidence show FILE",
    # Acceptance
    "debug-enabled": "launch the guest again with debugging off",
    "migratable": _RELAUNCH_STRICT,
    "service-td-bound": _RELAUNCH_STRICT,
    "sept-ve-disable-clear": "launch the TD again with SEPT_VE_DISABLE set",
    "vmpl-nonzero": "ask for the report from VMPL 0",
    "lifecycle-not-secured": "the platform is not in production state: ask its operator",
    "measurement-mismatch": "compare with reference values: sealwasm reference --help",
    "advisory-not-accepted": _UPDATE,
    "tcb-below-minimum": "update the platform's firmware",
    "tcb-TDRelaunchAdvised": "launch the TD again: the platform's module is newer than the TD",
    "tcb-NotSupported": "no level of the collateral fits: the platform is older than all of them",
    "tcb-Revoked": "do not use this platform: its keys may be known to others",
    # Tokens
    "token-expired": _TOKEN,
    "token-not-yet-valid": "check the clock of this machine",
    "audience-mismatch": "get a token for your own audience",
}


# The same where a broker refused: what is to be done is not in this command line.
NEXT_AT_BROKER: Final[dict[str, str]] = {
    "simulated-not-trusted": (
        "the broker does not trust this platform; its operator makes one that does: "
        "sealwasm broker init BROKER --trust-simulated FOLDER"
    ),
    "no-endorsement": "the broker's operator adds what the vendor publishes: evidence.endorsements",
    "collateral-expired": "the broker's operator renews it: sealwasm endorsements fetch --help",
    "crl-expired": "the broker's operator renews it: sealwasm endorsements fetch --help",
}


def next_for(code: str) -> str:
    """Return the first thing to do about a refusal, or an empty text."""
    found = NEXT_OF_REFUSAL.get(code, "")
    return found or (_UPDATE if code.startswith("tcb-") else "")
