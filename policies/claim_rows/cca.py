"""Claims of Arm CCA realms (RMM specification DEN0137, draft-ffm-rats-cca-token)."""

from __future__ import annotations

from typing import Final

from policies.claim import BOOLEAN, CHOICE, HEX, INTEGER, TEXT, Claim

HASHES: Final = ("sha-256", "sha-384", "sha-512")
LIFECYCLES: Final = ("secured", "non-rot-debug", "recoverable-rot-debug")
HASH_SIZES: Final = (32, 48, 64)
COMPONENTS: Final = range(8)
REGISTERS: Final = range(4)

ROWS: Final = (
    Claim("measurement", HEX, "initial measurement of the realm (RIM)", sizes=HASH_SIZES),
    Claim("report-data", HEX, "challenge in the realm token", sizes=(64,)),
    Claim("debug", BOOLEAN, "the platform is in a debug state of its lifecycle"),
    Claim("hash-algorithm", CHOICE, "digest of the realm's measurements", choices=HASHES),
    Claim("personalization-value", HEX, "64 bytes the host gave at launch (RPV)", sizes=(64,)),
    Claim("realm-key-digest", HEX, "digest of the realm's attestation key", sizes=HASH_SIZES),
    Claim("realm-key-hash-algorithm", CHOICE, "digest that names that key", choices=HASHES),
    Claim("realm-profile", TEXT, "profile of the realm token; not in the older one"),
    Claim("implementation-id", HEX, "kind of the platform", sizes=(32,)),
    Claim("instance-id", HEX, "this platform", sizes=(33,)),
    Claim("platform-profile", TEXT, "profile of the platform token"),
    Claim("platform-config", TEXT, "configuration of the platform, in hex"),
    Claim("platform-hash-algorithm", TEXT, "digest of the platform's measurements"),
    Claim("lifecycle", CHOICE, "state of the platform", choices=LIFECYCLES),
    Claim("security-lifecycle", INTEGER, "the same as the platform writes it"),
    Claim("verification-service", TEXT, "where the maker says tokens can be verified"),
    Claim("unknown-claims", INTEGER, "claims in both tokens that this build does not know"),
    Claim("sw-components", INTEGER, "how many firmware components the platform measured"),
    Claim("sw-measurements", TEXT, "their digests in hex, in order, with commas between"),
    *(
        Claim(f"rem{number}", HEX, f"extensible measurement {number}", sizes=HASH_SIZES)
        for number in REGISTERS
    ),
    *(
        row
        for number in COMPONENTS
        for row in (
            Claim(
                f"platform.sw.{number}.measurement",
                HEX,
                f"digest of component {number}",
                sizes=HASH_SIZES,
            ),
            Claim(
                f"platform.sw.{number}.signer",
                HEX,
                f"digest of the key that signed component {number}",
                sizes=HASH_SIZES,
            ),
            Claim(f"platform.sw.{number}.type", TEXT, f"role of component {number}"),
            Claim(f"platform.sw.{number}.version", TEXT, f"version of component {number}"),
        )
    ),
)

# What says *what was launched*. An environment without one of these would admit anything.
MEASUREMENTS: Final = frozenset({"measurement"})
SIGNERS: Final = frozenset[str]()
