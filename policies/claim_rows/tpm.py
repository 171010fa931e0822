"""Claims of TPM 2.0 quotes (TPM 2.0 Library Specification; TCG PC Client profiles)."""

from __future__ import annotations

from typing import Final

from policies.claim import BOOLEAN, CHOICE, HEX, INTEGER, TEXT, Claim

PCRS: Final = range(24)
SCHEMES: Final = ("rsassa", "rsapss", "ecdsa")
_MEANINGS: Final = {
    0: "code of the platform's firmware",
    1: "configuration of the platform's firmware",
    2: "code of option ROMs",
    3: "configuration of option ROMs",
    4: "boot loader",
    5: "configuration of the boot loader, partition table",
    7: "Secure Boot policy",
    8: "what the boot loader was told, such as the kernel's command line",
    9: "files the boot loader read, such as kernel and initrd",
    11: "unified kernel image",
    12: "the runner",
    14: "keys of the shim",
}

# What every quote says, also that of a virtual TPM.
QUOTE_ROWS: Final = (
    Claim("pcr-digest", HEX, "digest over all quoted PCRs", sizes=(32, 48, 64)),
    Claim("attestation-key", HEX, "SHA-256 of the key that signed, as SPKI", sizes=(32,)),
    Claim("signature-scheme", CHOICE, "how it signed", choices=SCHEMES),
    Claim("qualified-signer", TEXT, "name of that key with its parents, in hex"),
    Claim("reset-count", INTEGER, "how often the machine was reset"),
    Claim("restart-count", INTEGER, "how often it came back from sleep since then"),
    Claim("clock-safe", BOOLEAN, "the TPM's clock has never gone backwards"),
    Claim("firmware-version", HEX, "version of the TPM's firmware, as 64 bits", sizes=(8,)),
    Claim("event-log", BOOLEAN, "a log explains what firmware and boot loader measured"),
    Claim("secure-boot", BOOLEAN, "firmware started signed boot loaders only"),
    *(
        Claim(f"pcr.{number}", HEX, _MEANINGS.get(number, f"PCR {number}"), sizes=(32,))
        for number in PCRS
    ),
)
ROWS: Final = (
    Claim("measurement", HEX, "what the runner's PCR holds", sizes=(32, 48, 64)),
    Claim("report-data", HEX, "nonce in the quote, SHA-256 of the report data", sizes=(32,)),
    Claim("root", TEXT, "vendor whose certificate is above the attestation key's"),
    *QUOTE_ROWS,
)

# PCRs that say *what was launched*: code, not the configuration of it. Firmware alone does not. Nor
# does the digest over all of them: it does not say of which, and who asks for the quote chooses.
LAUNCHED: Final = frozenset(f"pcr.{number}" for number in (4, 8, 9, 11, 12))
MEASUREMENTS: Final = frozenset({"measurement"}) | LAUNCHED
SIGNERS: Final = frozenset[str]()
