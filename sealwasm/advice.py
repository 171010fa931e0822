"""What a code means for the person at the command line: its kind, plain words, the next command.

Codes that are not here keep the words of the package that refused; every kind has a next step.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sealwasm.evidence.advice import NEXT_AT_BROKER, next_for
from sealwasm.failure import Kind

NEXT_OF_KIND: Final[dict[Kind, str]] = {
    Kind.FAULT: "please report it with the command line; `sealwasm doctor -o json` helps",
    Kind.USAGE: "correct what is named above; `sealwasm COMMAND --help` shows what is expected",
    Kind.BAD_POLICY: "correct the file, then: sealwasm policy check FILE",
    Kind.BAD_MODULE: "sealwasm inspect FILE shows whether it is a module that can be sealed",
    Kind.DENIED: "ask whoever wrote the policy; sealwasm policy explain shows its rules",
    Kind.EVIDENCE: "do not rely on it; collect fresh evidence, then try again",
    Kind.ARTIFACT: "do not run it; ask its owner for the reference by digest",
    Kind.NOT_FOUND: "check the name",
    Kind.CONFLICT: "choose another name or a higher version",
    Kind.UNREACHABLE: "check address and network, then try again",
    Kind.BROKER_SEALED: "ask the broker's operator, then try again",
    Kind.INTERRUPTED: "files appear as a whole or not at all, so the command can be run again",
}


class Advice(NamedTuple):
    """`what` empty: the package's own words are good enough."""

    kind: Kind
    what: str = ""
    next_step: str = ""


_REGISTRY: Final = "check the registry's address and that you may use it, then try again"

OF_CODE: Final[dict[str, Advice]] = {
    # Artifacts and registries
    "seal-not-found": Advice(
        Kind.NOT_FOUND,
        next_step="check the name; sealwasm list PLACE shows what is there (HOST/REPOSITORY, or "
        "oci:FOLDER)",
    ),
    "seal-unauthorized": Advice(
        Kind.DENIED,
        next_step="say who you are: --registry-auth FILE, or log in with docker or podman",
    ),
    "seal-realm-refused": Advice(
        Kind.DENIED,
        next_step="ask the registry's operator for its token server; if it is the one that is "
        "named: --registry-realm REGISTRY=HOST",
    ),
    "seal-credentials-unusable": Advice(
        Kind.USAGE, next_step="correct what is named, or name another: --registry-auth FILE"
    ),
    "seal-forbidden": Advice(Kind.DENIED, next_step=_REGISTRY),
    "seal-unreachable": Advice(Kind.UNREACHABLE),
    "seal-registry-refused": Advice(Kind.UNREACHABLE, next_step=_REGISTRY),
    "seal-registry-failed": Advice(Kind.UNREACHABLE, next_step=_REGISTRY),
    "seal-registry-slow": Advice(
        Kind.UNREACHABLE,
        next_step="try again later, or use a mirror: it moves under 64 KiB a second",
    ),
    "seal-registry-untrusted": Advice(Kind.UNREACHABLE, next_step=_REGISTRY),
    "seal-plain-http-refused": Advice(Kind.USAGE, next_step="use https"),
    "seal-reference-invalid": Advice(
        Kind.USAGE, next_step="write oci:FOLDER:TAG, oci:FOLDER@sha256:..., or HOST/REPOSITORY:TAG"
    ),
    "seal-reference-incomplete": Advice(Kind.USAGE, next_step="add :TAG or @sha256:..."),
    "seal-store-unusable": Advice(Kind.USAGE),
    "seal-store-malformed": Advice(Kind.USAGE),
    # Modules and keys
    "seal-module-malformed": Advice(Kind.BAD_MODULE),
    "seal-module-unsupported": Advice(Kind.BAD_MODULE),
    "seal-not-wasm": Advice(Kind.BAD_MODULE),
    "seal-module-changed": Advice(
        Kind.BAD_MODULE, next_step="wait for whoever writes the file, then call it again"
    ),
    "seal-key-invalid": Advice(Kind.USAGE, next_step="sealwasm key generate --help"),
    "seal-key-passphrase": Advice(Kind.USAGE, next_step="--passphrase-file FILE"),
    "seal-key-uri": Advice(
        Kind.USAGE,
        next_step="write pkcs11:token=LABEL;object=LABEL?module-path=/PATH, awskms:KEY or hv:NAME",
    ),
    "seal-key-not-found": Advice(
        Kind.NOT_FOUND, next_step="sealwasm key list URI shows the keys of a token"
    ),
    "seal-key-unavailable": Advice(
        Kind.UNREACHABLE, next_step="see that token or service is there, then try again"
    ),
    "seal-extra-missing": Advice(Kind.USAGE, next_step="run the pip install that is named above"),
    "seal-signer-unknown": Advice(
        Kind.ARTIFACT,
        next_step="if that is the owner's key, trust it: --owner FILE; after a new key: "
        "--key-statement FILE as well",
    ),
    "seal-envelope-not-opened": Advice(
        Kind.ARTIFACT, next_step="sealwasm inspect REFERENCE says which keys open it"
    ),
    "seal-key-chain": Advice(
        Kind.ARTIFACT, next_step="ask the owner for the key statements, every one, in one chain"
    ),
    "seal-key-expired": Advice(
        Kind.ARTIFACT, next_step="ask the owner to sign with the key in force: sealwasm sign --help"
    ),
    "seal-not-sealed": Advice(
        Kind.ARTIFACT, next_step="if it is your module in clear: sealwasm publish plain:REFERENCE"
    ),
    "seal-encrypted": Advice(
        Kind.ARTIFACT,
        next_step="for other holders: sealwasm rewrap REFERENCE; what skopeo encrypted: "
        "sealwasm adopt REFERENCE",
    ),
    "endorsement-unavailable": Advice(
        Kind.UNREACHABLE,
        next_step="try again later; sealwasm endorsements list shows what is there already",
    ),
    "collateral-rollback": Advice(
        Kind.EVIDENCE,
        next_step="use newer collateral: sealwasm endorsements fetch --help",
    ),
    "collateral-expired": Advice(
        Kind.EVIDENCE,
        next_step="use newer collateral: sealwasm endorsements fetch --help",
    ),
    # What a policy answers
    "denied-environment": Advice(
        Kind.DENIED,
        "the release policy does not allow this runner",
        "compare `sealwasm reference measure` with the policy's measurement; "
        "a simulated machine also needs simulated-tee: allow there",
    ),
    "denied-guardrails": Advice(
        Kind.DENIED,
        "a guardrail does not allow this release",
        "ask who wrote the broker's guardrails",
    ),
    "denied-outside-window": Advice(
        Kind.DENIED, "the release policy does not hold at this time", "see spec.window there"
    ),
    "denied-not-applicable": Advice(
        Kind.DENIED, "the release policy is not for this module", "see spec.applies-to there"
    ),
    # What a broker answers
    "owner-unknown": Advice(
        Kind.NOT_FOUND, "this key is not enrolled with the broker", "sealwasm owner enrol --help"
    ),
    "owner-exists": Advice(
        Kind.CONFLICT,
        "this owner is enrolled already",
        "nothing is left to do; go on with: sealwasm policy publish FILE",
    ),
    "owner-followed": Advice(
        Kind.CONFLICT,
        "another key has followed this one with the broker",
        "if it is not yours, somebody has your key: have the operator revoke both",
    ),
    "policy-unknown-kind": Advice(
        Kind.BAD_POLICY, next_step="name a file of the kind that is expected there"
    ),
    "policy-unknown": Advice(
        Kind.NOT_FOUND,
        "the broker has no such release policy",
        "sealwasm policy publish FILE --key KEY",
    ),
    "policy-replaced": Advice(
        Kind.EVIDENCE,
        "a newer version of the release policy came while the broker decided",
        "ask again: the newer version decides then",
    ),
    "policy-not-newer": Advice(
        Kind.CONFLICT,
        "the broker has this version of the policy or a newer one",
        "raise metadata.version in the file, then publish it again",
    ),
    "version-rolled-back": Advice(
        Kind.CONFLICT, "a newer version of this module has been released already"
    ),
    "document-expired": Advice(Kind.EVIDENCE, next_step="check the clock of this machine"),
    "document-for-another-broker": Advice(Kind.USAGE, next_step="check --broker"),
    # A broker in a folder of ours
    "broker-config-invalid": Advice(
        Kind.USAGE,
        next_step="correct broker.yaml, choose another --port, or: sealwasm broker init FOLDER",
    ),
    "owner-revoked": Advice(
        Kind.DENIED,
        "the key that signed this was revoked",
        "ask its owner for a module that another key signed",
    ),
    "module-revoked": Advice(
        Kind.DENIED, "this artifact or version was revoked", "ask its owner for a higher version"
    ),
    "store-missing": Advice(Kind.NOT_FOUND, next_step="sealwasm broker init FOLDER"),
    "store-exists": Advice(Kind.CONFLICT),
    "store-in-use": Advice(Kind.CONFLICT, next_step="stop the broker that is running there"),
    "master-key-missing": Advice(Kind.BROKER_SEALED),
    "master-key-unsafe": Advice(Kind.BROKER_SEALED, next_step="chmod 600 FOLDER/master.key"),
    "broker-identity-differs": Advice(
        Kind.EVIDENCE,
        next_step="do not use it; ask the operator for the broker's identity. What is pinned comes "
        "from --broker-identity or from the context: sealwasm context show",
    ),
    "message-malformed": Advice(
        Kind.UNREACHABLE, "whoever answers there is no broker", "check --broker"
    ),
    # A runner of ours
    "runner-not-measurable": Advice(Kind.NOT_FOUND, next_step="--path FOLDER of an installation"),
    "attester-missing": Advice(
        Kind.USAGE, next_step="sealwasm simulate platform FOLDER, then --simulated-platform FOLDER"
    ),
    "component-unsupported": Advice(
        Kind.BAD_MODULE,
        "the module is a component, and runners here run core modules",
        "run it on a host for components, or publish the core module it was made of",
    ),
    "input-malformed": Advice(
        Kind.USAGE, next_step="--dir GUEST=HOST with an absolute GUEST; arguments in UTF-8"
    ),
    "input-missing": Advice(Kind.USAGE, next_step="--dir GUEST=HOST, with a folder that is there"),
    "broker-unreachable": Advice(
        Kind.UNREACHABLE, next_step="sealwasm broker serve FOLDER, or check --broker"
    ),
    "broker-url-invalid": Advice(Kind.USAGE, next_step="--broker https://HOST"),
}


def advice_for(code: str, default: Kind) -> Advice:
    """Return what to say about `code`; codes of receipts and proofs are about verification."""
    found = OF_CODE.get(code)
    if found is not None:
        return found
    if default is Kind.DENIED and code in NEXT_AT_BROKER:
        return Advice(default, next_step=NEXT_AT_BROKER[code])
    if default is Kind.EVIDENCE:
        return Advice(default, next_step=next_for(code))
    if code.startswith(("receipt-", "audit-")):
        return Advice(Kind.EVIDENCE)
    return Advice(default)
