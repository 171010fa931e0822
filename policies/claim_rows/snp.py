"""Claims of AMD SEV-SNP (document 56860)."""

from __future__ import annotations

from typing import Final

from policies.claim import BOOLEAN, CHOICE, HEX, INTEGER, TEXT, VERSION, Claim

PRODUCTS: Final = ("milan", "genoa", "turin")
SIGNING_KEYS: Final = ("vcek", "vlek")
TCB_LEVELS: Final = ("reported", "committed", "current", "launch")
TCB_PARTS: Final = ("bootloader", "tee", "snp", "microcode", "fmc")

ROWS: Final = (
    Claim("product", CHOICE, "generation of the processor", choices=PRODUCTS),
    Claim("report-version", INTEGER, "version of the report's layout"),
    Claim("measurement", HEX, "digest of what was launched", sizes=(48,)),
    Claim("host-data", HEX, "32 bytes the host gave at launch", sizes=(32,)),
    Claim("report-data", HEX, "64 bytes the guest put in the report", sizes=(64,)),
    Claim("id-key-digest", HEX, "SHA-384 of the key that signed the measurement", sizes=(48,)),
    Claim("author-key-digest", HEX, "SHA-384 of the key that signed the ID key", sizes=(48,)),
    Claim("author-key-enabled", BOOLEAN, "an author key signed the ID key"),
    Claim("family-id", HEX, "family of the image, from the ID block", sizes=(16,)),
    Claim("image-id", HEX, "the image, from the ID block", sizes=(16,)),
    Claim("report-id", HEX, "this guest, random per launch", sizes=(32,)),
    Claim("report-id-migration-agent", HEX, "the migration agent of this guest", sizes=(32,)),
    Claim("chip-id", HEX, "this processor", sizes=(64,)),
    Claim("signing-key", CHOICE, "key type that signed the report", choices=SIGNING_KEYS),
    Claim("chip-id-masked", BOOLEAN, "the host hides the chip id"),
    Claim("guest-svn", INTEGER, "security version of the guest, from the ID block"),
    Claim("vmpl", INTEGER, "privilege level that asked for the report; 0 is the highest"),
    Claim("debug", BOOLEAN, "the host may read and change guest memory"),
    Claim("migratable", BOOLEAN, "a migration agent may move the guest"),
    Claim("smt-allowed", BOOLEAN, "the guest accepts simultaneous multi-threading"),
    Claim("single-socket", BOOLEAN, "the guest may run on one socket only"),
    Claim("cxl-allowed", BOOLEAN, "the guest accepts CXL memory"),
    Claim("aes-256-xts-required", BOOLEAN, "the guest refuses memory without AES-256-XTS"),
    Claim("rapl-disable-required", BOOLEAN, "the guest refuses platforms with power readings"),
    Claim("ciphertext-hiding-required", BOOLEAN, "the guest refuses hosts that read ciphertext"),
    Claim("page-swap-disabled", BOOLEAN, "the host may not swap guest pages"),
    Claim("abi-major", INTEGER, "least firmware ABI the guest accepts, major"),
    Claim("abi-minor", INTEGER, "least firmware ABI the guest accepts, minor"),
    Claim("platform.smt-enabled", BOOLEAN, "simultaneous multi-threading is on"),
    Claim("platform.tsme-enabled", BOOLEAN, "transparent memory encryption is on"),
    Claim("platform.ecc-enabled", BOOLEAN, "the memory has ECC"),
    Claim("platform.rapl-disabled", BOOLEAN, "power readings are off"),
    Claim("platform.ciphertext-hiding", BOOLEAN, "the host cannot read ciphertext"),
    Claim("platform.alias-check-complete", BOOLEAN, "memory aliasing was checked since reset"),
    Claim("platform.tio-enabled", BOOLEAN, "trusted I/O is on"),
    Claim("mit-vector.launch", HEX, "mitigations in place at launch, as 64 bits", sizes=(8,)),
    Claim("mit-vector.current", HEX, "mitigations in place now, as 64 bits", sizes=(8,)),
    Claim("firmware.current", VERSION, "firmware that runs, such as 1.55.40"),
    Claim("firmware.committed", VERSION, "firmware below which the platform cannot go back"),
    Claim("csp-id", TEXT, "cloud provider named in a VLEK certificate"),
    *(
        Claim(f"tcb.{level}.{part}", INTEGER, f"{part} part of the {level} TCB")
        for level in TCB_LEVELS
        for part in TCB_PARTS
    ),
)

# What says *what was launched*. An environment without one of these would admit anything.
MEASUREMENTS: Final = frozenset({"measurement"})
SIGNERS: Final = frozenset({"id-key-digest", "author-key-digest"})
