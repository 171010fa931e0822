"""What `sign` and `attach` share: sign something about an artifact, attach that."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sealwasm.failure import CliError, Kind

if TYPE_CHECKING:
    from sealing.bom import Producer
    from sealing.keys import Signer
    from sealing.oci.store import ArtifactStore
    from sealing.unseal import VerifiedArtifact
    from sealwasm.artifacts.offered import Offered
    from sealwasm.artifacts.transfers import AnyReference

# What a statement may hold and a bit: the rest of the room is the statement's own.
PREDICATE_BYTES = (3 << 20) - 4096
_CYCLONEDX_NEXT = "a CycloneDX document in JSON says so in its member bomFormat"


def co_sign(store: ArtifactStore, artifact: VerifiedArtifact, key: Signer) -> str:
    """Attach the signature of `key` over the very statement that the owner signed."""
    from sealing.signatures.bundle import UnverifiedBundle, sign_bundle
    from sealing.signatures.statement import PREDICATE_TYPE

    payload = UnverifiedBundle.parse(artifact.bundle).unverified_payload
    return _attach(store, artifact, sign_bundle(payload, key), PREDICATE_TYPE)


def attest(
    store: ArtifactStore,
    artifact: VerifiedArtifact,
    key: Signer,
    predicate_type: str,
    predicate: dict[str, Any],
) -> str:
    """Attach `predicate` about the artifact, signed with `key`; return the bundle's digest."""
    from sealing.signatures.bundle import sign_bundle
    from sealing.signatures.sigstore import statement_bytes

    statement = statement_bytes(artifact.manifest.digest, predicate_type, predicate)
    return _attach(store, artifact, sign_bundle(statement, key), predicate_type)


def _attach(
    store: ArtifactStore, artifact: VerifiedArtifact, bundle: bytes, predicate_type: str
) -> str:
    from sealing.canonical import digest_of
    from sealing.oci.attachments import bundle_manifest
    from sealing.oci.bundles import Attachment
    from sealing.oci.transfer import attach

    # The time of the artifact, not of now: attaching the same again attaches nothing new.
    created = artifact.statement.created
    manifest = bundle_manifest(
        artifact.manifest.raw, bundle, predicate_type=predicate_type, created=created
    )
    attach(store, Attachment(manifest, bundle))
    return digest_of(bundle)


def predicates(
    artifact: VerifiedArtifact, *, provenance: str | None, sbom: str | None, generate: bool
) -> list[tuple[str, dict[str, Any]]]:
    """Return what is to be attached: documents of the owner's files, else what sealing knows."""
    from sealing.signatures.provenance import provenance_of, sbom_of
    from sealing.signatures.sigstore import CYCLONEDX, PROVENANCE

    shown, statement = _Shown.of(artifact), artifact.statement
    found = []
    if provenance is not None:
        found.append((PROVENANCE, read_provenance(provenance)))
    elif generate:
        found.append((PROVENANCE, provenance_of(statement, plaintext=shown.plaintext)))
    if sbom is not None:
        found.append((CYCLONEDX, read_sbom(sbom)))
    elif generate:
        document = sbom_of(statement, plaintext=shown.plaintext, producers=shown.producers)
        found.append((CYCLONEDX, document))
    return found


def read_provenance(path: str) -> dict[str, Any]:
    """Return the predicate in a file: the predicate alone, or a whole in-toto statement of it."""
    from sealing.signatures.sigstore import PROVENANCE

    value = _read_json(path)
    predicate = value.get("predicate") if "predicateType" in value else value
    if value.get("predicateType", PROVENANCE) != PROVENANCE or not isinstance(predicate, dict):
        raise _invalid(path, "is a statement of another kind", f"expected {PROVENANCE}")
    if not {"buildDefinition", "runDetails"} <= set(predicate):
        detail = "lacks buildDefinition or runDetails"
        raise _invalid(path, detail, f"expected a predicate of {PROVENANCE}")
    return predicate


def read_sbom(path: str) -> dict[str, Any]:
    """Return the CycloneDX document in a file."""
    value = _read_json(path)
    if value.get("bomFormat") != "CycloneDX":
        raise _invalid(path, "is no CycloneDX document", _CYCLONEDX_NEXT)
    return value


def _read_json(path: str) -> dict[str, Any]:
    from sealing.canonical import parse_json
    from sealing.errors import SealError
    from sealwasm.files import read_file

    data = read_file(path, limit_bytes=PREDICATE_BYTES)
    try:
        value = parse_json(data, limit_bytes=PREDICATE_BYTES, what="document", dense=True)
    except SealError as error:
        raise _invalid(path, "is not JSON that can be signed here", error.detail) from error
    if not isinstance(value, dict):
        raise _invalid(path, "is no JSON object", f"it is a {type(value).__name__}")
    return value


def _invalid(path: str, what: str, why: str) -> CliError:
    return CliError(Kind.USAGE, "attestation-invalid", f"{path} {what}", why=why)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What an artifact shows everybody of its module anyway; in private mode nothing."""

    plaintext: str | None
    producers: tuple[Producer, ...]

    @classmethod
    def of(cls, artifact: VerifiedArtifact) -> Self:
        """Return what generated documents may say."""
        from sealing.hidden_bill import HiddenBill

        bill = artifact.statement.bill
        if isinstance(bill, HiddenBill):
            return cls(None, ())
        return cls(artifact.plaintext_digest, bill.producers)


def facts_of(reference: AnyReference, offered: Offered) -> dict[str, Any]:
    """Return what is signed about, as whoever signs wants to see it."""
    statement = offered.first.statement
    return {
        "reference": f"{reference.location}@{offered.digest}",
        "module": statement.module,
        "version": statement.version,
        "policy": statement.policy,
        "owner": statement.owner,
    } | ({"shapes": offered.shapes} if offered.is_index else {})


def dumped(document: dict[str, Any]) -> str:
    """Return a predicate as text for a dry run."""
    return json.dumps(document, indent=2, ensure_ascii=False)
