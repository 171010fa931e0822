"""What the sealing step can truthfully say in the formats of others: SLSA provenance, CycloneDX.

Sources: slsa.dev/spec/v1.0/provenance, CycloneDX 1.6. How the module itself was built is nothing
that sealing saw; an owner whose build knows attaches its own documents. Spec:
docs/specs/attestations.md, section G.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sealing import names
from sealing.bom import Producer
from sealing.signatures.statement import SealedModuleStatement

BUILD_TYPE: Final = "urn:sealwasm:seal:v1"
BUILDER: Final = "urn:sealwasm:owner:"


def provenance_of(statement: SealedModuleStatement, *, plaintext: str | None) -> dict[str, Any]:
    """Return the SLSA v1 predicate: this artifact was sealed from that module by its owner.

    `plaintext` is the digest of the module, None where the owner hides it.
    """
    dependencies = [] if plaintext is None else [_dependency("module", plaintext)]
    capabilities = _dependency("capability-policy", statement.capabilities_digest)
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "module": statement.module,
                "version": statement.version,
                "policy": statement.policy,
                "brokers": list(statement.brokers),
                "recipients": list(statement.recipients),
            },
            "resolvedDependencies": [*dependencies, capabilities],
        },
        "runDetails": {
            "builder": {"id": BUILDER + statement.owner},
            "metadata": {"finishedOn": names.format_time(statement.created)},
        },
    }


def sbom_of(
    statement: SealedModuleStatement, *, plaintext: str | None, producers: Sequence[Producer]
) -> dict[str, Any]:
    """Return a CycloneDX document: the module, and the tools that its producers section names.

    What is linked into the module is not known here and not said.
    """
    reference = f"{statement.module}@{statement.version}"
    component: dict[str, Any] = {
        "type": "application",
        "bom-ref": reference,
        "name": statement.module,
        "version": str(statement.version),
    }
    if plaintext is not None:
        hexadecimal = plaintext.removeprefix("sha256:")
        component["hashes"] = [{"alg": "SHA-256", "content": hexadecimal}]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": names.format_time(statement.created),
            "component": component,
        },
        "components": [_tool(one, index) for index, one in enumerate(producers)],
        "compositions": [{"aggregate": "incomplete", "assemblies": [reference]}],
    }


def _dependency(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}


def _tool(producer: Producer, index: int) -> dict[str, Any]:
    tool = {
        "type": "application",
        "bom-ref": f"producer-{index}",
        "name": producer.name,
        "properties": [{"name": "wasm:producers:field", "value": producer.field}],
    }
    return tool | ({"version": producer.version} if producer.version else {})
