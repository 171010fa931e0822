"""Claims that do not depend on the TEE: what the request says and what the broker found."""

from __future__ import annotations

from typing import Final

from policies.claim import BOOLEAN, CHOICE, HEX, INTEGER, TEXT, VERSION, Claim

TEES: Final = (
    "snp",
    "tdx",
    "sgx",
    "nitro",
    "cca",
    "tpm",
    "azure-snp",
    "azure-tdx",
)
TIERS: Final = ("affirming", "warning", "contraindicated", "none")

ROWS: Final = (
    Claim("tee", CHOICE, "type of the TEE", choices=TEES),
    Claim("simulated", BOOLEAN, "the evidence comes from simulated silicon"),
    Claim("request.module", TEXT, "name of the module whose key is asked for"),
    Claim("request.version", VERSION, "version of that module"),
    Claim("request.owner", HEX, "key id of its owner", sizes=(32,)),
    Claim("request.policy", TEXT, "name of the release policy the owner chose"),
    Claim("request.capabilities", TEXT, "digest of its capability policy"),
    Claim("request.manifest", TEXT, "digest of the sealed manifest"),
    Claim("request.brokers-needed", INTEGER, "how many brokers it takes to open it"),
    Claim("request.bill-hidden", BOOLEAN, "its bill of materials is not in clear"),
    Claim("request.opens-with.jwe", BOOLEAN, "who holds a private key opens it, past brokers"),
    Claim("request.opens-with.coco", BOOLEAN, "guests of a KBS open it, past brokers"),
    Claim("request.opens-with.recovery", BOOLEAN, "its owner's offline recovery key opens it"),
    Claim("ear.status", CHOICE, "result of the appraisal", choices=TIERS),
    Claim("ear.executables", CHOICE, "appraisal of what was launched", choices=TIERS),
    Claim("ear.hardware", CHOICE, "appraisal of processor and firmware", choices=TIERS),
)
