"""The claims a policy may name: type, who says it, and which TEE has it.

The list is closed: a claim with a typing error would be absent for ever, and `exists: false` on it
would hold for ever. Names are those of the verifiers (vendor manuals, kebab-case).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

ClaimValue = bool | int | str

TEES: Final = ("snp", "tdx", "sgx", "nitro", "cca", "tpm")
PRODUCTS: Final = ("milan", "genoa", "turin")
SIGNING_KEYS: Final = ("vcek", "vlek")
TIERS: Final = ("affirming", "warning", "contraindicated", "none")
TCB_LEVELS: Final = ("reported", "committed", "current", "launch")
TCB_PARTS: Final = ("bootloader", "tee", "snp", "microcode", "fmc")


class ClaimKind(StrEnum):
    """The type of a claim; decides which operators it takes."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    HEX = "hex"
    CHOICE = "choice"
    VERSION = "version"
    TEXT = "text"


class ClaimSource(StrEnum):
    """Who vouches for the value."""

    EVIDENCE = "evidence"
    REQUEST = "request"
    BROKER = "broker"


class Claim(NamedTuple):
    """One claim: its type with size or choices, and who says it."""

    name: str
    kind: ClaimKind
    about: str
    size: int = 0
    choices: tuple[str, ...] = ()

    @property
    def source(self) -> ClaimSource:
        """Evidence, unless the name says that the request or the broker is the source."""
        if self.name.startswith("request."):
            return ClaimSource.REQUEST
        return ClaimSource.BROKER if self.name.startswith("ear.") else ClaimSource.EVIDENCE


_B, _I, _H, _C, _V, _T = (
    ClaimKind.BOOLEAN,
    ClaimKind.INTEGER,
    ClaimKind.HEX,
    ClaimKind.CHOICE,
    ClaimKind.VERSION,
    ClaimKind.TEXT,
)

_TABLE: Final = (
    Claim("tee", _C, "type of the TEE", choices=TEES),
    Claim("simulated", _B, "the evidence comes from simulated silicon"),
    Claim("product", _C, "generation of the processor", choices=PRODUCTS),
    Claim("report-version", _I, "version of the report's layout"),
    Claim("measurement", _H, "digest of what was launched", size=48),
    Claim("host-data", _H, "32 bytes the host gave at launch", size=32),
    Claim("report-data", _H, "64 bytes the guest put in the report", size=64),
    Claim("id-key-digest", _H, "SHA-384 of the key that signed the measurement", size=48),
    Claim("author-key-digest", _H, "SHA-384 of the key that signed the ID key", size=48),
    Claim("author-key-enabled", _B, "an author key signed the ID key"),
    Claim("family-id", _H, "family of the image, from the ID block", size=16),
    Claim("image-id", _H, "the image, from the ID block", size=16),
    Claim("report-id", _H, "this guest, random per launch", size=32),
    Claim("report-id-migration-agent", _H, "the migration agent of this guest", size=32),
    Claim("chip-id", _H, "this processor", size=64),
    Claim("signing-key", _C, "key type that signed the report", choices=SIGNING_KEYS),
    Claim("chip-id-masked", _B, "the host hides the chip id"),
    Claim("guest-svn", _I, "security version of the guest, from the ID block"),
    Claim("vmpl", _I, "privilege level that asked for the report; 0 is the highest"),
    Claim("debug", _B, "the host may read and change guest memory"),
    Claim("migratable", _B, "a migration agent may move the guest"),
    Claim("smt-allowed", _B, "the guest accepts simultaneous multi-threading"),
    Claim("single-socket", _B, "the guest may run on one socket only"),
    Claim("cxl-allowed", _B, "the guest accepts CXL memory"),
    Claim("aes-256-xts-required", _B, "the guest refuses memory without AES-256-XTS"),
    Claim("rapl-disable-required", _B, "the guest refuses platforms with power readings"),
    Claim("ciphertext-hiding-required", _B, "the guest refuses hosts that can read ciphertext"),
    Claim("page-swap-disabled", _B, "the host may not swap guest pages"),
    Claim("abi-major", _I, "least firmware ABI the guest accepts, major"),
    Claim("abi-minor", _I, "least firmware ABI the guest accepts, minor"),
    Claim("platform.smt-enabled", _B, "simultaneous multi-threading is on"),
    Claim("platform.tsme-enabled", _B, "transparent memory encryption is on"),
    Claim("platform.ecc-enabled", _B, "the memory has ECC"),
    Claim("platform.rapl-disabled", _B, "power readings are off"),
    Claim("platform.ciphertext-hiding", _B, "the host cannot read ciphertext"),
    Claim("platform.alias-check-complete", _B, "memory aliasing was checked since reset"),
    Claim("platform.tio-enabled", _B, "trusted I/O is on"),
    Claim("mit-vector.launch", _H, "mitigations in place at launch, as 64 bits", size=8),
    Claim("mit-vector.current", _H, "mitigations in place now, as 64 bits", size=8),
    Claim("firmware.current", _V, "firmware that runs, such as 1.55.40"),
    Claim("firmware.committed", _V, "firmware below which the platform cannot go back"),
    Claim("csp-id", _T, "cloud provider named in a VLEK certificate"),
    Claim("request.module", _T, "name of the module whose key is asked for"),
    Claim("request.version", _V, "version of that module"),
    Claim("request.owner", _H, "key id of its owner", size=32),
    Claim("request.policy", _T, "name of the release policy the owner chose"),
    Claim("request.capabilities", _T, "digest of its capability policy"),
    Claim("request.manifest", _T, "digest of the sealed manifest"),
    Claim("ear.status", _C, "result of the appraisal", choices=TIERS),
    Claim("ear.executables", _C, "appraisal of what was launched", choices=TIERS),
    Claim("ear.hardware", _C, "appraisal of processor and firmware", choices=TIERS),
    *(
        Claim(f"tcb.{level}.{part}", _I, f"{part} part of the {level} TCB")
        for level in TCB_LEVELS
        for part in TCB_PARTS
    ),
)

CLAIMS: Final[Mapping[str, Claim]] = {claim.name: claim for claim in _TABLE}

# What says *what was launched*. An environment without one of these would admit anything.
MEASUREMENTS: Final[Mapping[str, frozenset[str]]] = {"snp": frozenset({"measurement"})}
SIGNERS: Final[Mapping[str, frozenset[str]]] = {
    "snp": frozenset({"id-key-digest", "author-key-digest"})
}
SUPPORTED_TEES: Final = tuple(MEASUREMENTS)
