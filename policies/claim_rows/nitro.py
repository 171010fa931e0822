"""Claims of AWS Nitro Enclaves (aws-nitro-enclaves-nsm-api, attestation process)."""

from __future__ import annotations

from typing import Final

from policies.claim import BOOLEAN, CHOICE, HEX, INTEGER, TEXT, Claim

PCRS: Final = range(32)
_MEANINGS: Final = {
    0: "the enclave image",
    1: "kernel and boot loader",
    2: "the application",
    3: "IAM role of the parent instance",
    4: "id of the parent instance",
    8: "certificate that signed the image",
}

ROWS: Final = (
    Claim("measurement", HEX, "digest of the enclave image, PCR0", sizes=(48,)),
    Claim("report-data", HEX, "nonce in the document", sizes=(64,)),
    Claim("debug", BOOLEAN, "debug enclave: nothing is measured, the parent reads its console"),
    Claim("module-id", TEXT, "the enclave, as its parent's id and its own"),
    Claim("timestamp", INTEGER, "when the document was made, milliseconds since 1970"),
    Claim("digest", CHOICE, "digest of the PCRs", choices=("SHA384",)),
    Claim("user-data", TEXT, "what the enclave added, in hex if at most 64 bytes"),
    Claim("public-key", TEXT, "key that the enclave added, in hex if at most 64 bytes"),
    *(
        Claim(f"pcr.{number}", HEX, _MEANINGS.get(number, f"PCR{number}"), sizes=(48,))
        for number in PCRS
    ),
)

# What says *what was launched*. An environment without one of these would admit anything.
MEASUREMENTS: Final = frozenset({"measurement", "pcr.0"})
SIGNERS: Final = frozenset({"pcr.8"})
