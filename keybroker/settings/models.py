"""From broker.yaml and the files it names to what a broker works with."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from attestation.arm_keys import load_arm_keys
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError
from attestation.keys import load_keys
from attestation.limits import MAX_CERTIFICATES
from attestation.policy import CrlPolicy, EvidencePolicy
from attestation.reference import ReferenceValues
from attestation.trust import TrustAnchors
from attestation.verifiers.tpm.endorsement_key import EkTrust
from attestation.x509.pem import parse_pem
from keybroker.appraisal import EvidenceTrust
from keybroker.broker import Settings
from keybroker.endorsement_files import EndorsementFiles
from keybroker.settings.config import FILE_NAME, BrokerConfig, EvidenceSection, SimulatedRoot
from keybroker.settings.named_files import invalid, read_named
from keybroker.settings.reference_documents import is_signed, read_references
from keybroker.sources import Sources
from keybroker.store.protocol import Quota
from policies.errors import PolicyError
from policies.load import load_guardrails
from policies.models import Guardrails
from sealing.errors import SealError
from sealing.keys import VerifyingKey

# Their makers publish keys in lists that tie each to a device.
_ARM_TEES: Final = frozenset({"cca", "psa"})


def load_settings(folder: Path, config: BrokerConfig) -> Settings:
    """Return the settings that `config` names, or raise `BrokerError` with `CONFIG_INVALID`."""
    try:
        operator = VerifyingKey.from_pem(read_named(folder, config.operator))
        return Settings(
            origin=config.origin,
            operator=operator,
            trust=_trust(folder, config.evidence, operator),
            tpms=_tpms(folder, config.evidence),
            sources=Sources() if config.proxies is None else config.proxies.to_sources(),
            guardrails=tuple(_guardrails(folder, name) for name in config.guardrails),
            challenge_rate=config.challenges.to_rate(),
            release_rate=config.releases.to_rate(),
            document_rate=config.documents.to_rate(),
            quota=Quota(config.quota.live_leases, config.quota.releases_per_day),
        )
    except (SealError, EvidenceError, PolicyError) as error:
        raise invalid(str(error)) from error


def root_fingerprint(pem: bytes) -> str:
    """Return the digest by which simulated roots are named, or raise `EvidenceError`.

    SHA-256 over the certificates in their order: a processor has one root, devices beside it have
    theirs.
    """
    roots = parse_pem(pem, label="CERTIFICATE", limit=MAX_CERTIFICATES)
    return f"sha256:{hashlib.sha256(b''.join(roots)).hexdigest()}"


def _guardrails(folder: Path, name: str) -> Guardrails:
    return load_guardrails(read_named(folder, name), name=name)


def _trust(folder: Path, section: EvidenceSection, operator: VerifyingKey) -> EvidenceTrust:
    anchors = _with_keys(TrustAnchors.vendor(), folder, section)
    if section.simulated is not None:
        anchors = anchors.with_simulated(_simulated_root(folder, section.simulated))
    endorsements = Endorsements.parse(
        [read_named(folder, name) for name in section.certificates],
        [read_named(folder, name) for name in section.crls],
    ).joined(Endorsements.vendor())
    return EvidenceTrust(
        anchors=anchors,
        endorsements=endorsements,
        policy=_policy(section),
        references=_references(folder, section.references, operator),
        simulated=section.simulated is not None,
        files=_endorsement_files(folder, section, anchors, endorsements),
    )


def _references(folder: Path, name: str, operator: VerifyingKey) -> ReferenceValues:
    """Return the reference values; the operator must have signed them if they are signed."""
    data = read_named(folder, name)
    return read_references(data, [operator] if is_signed(data) else [])


def _with_keys(anchors: TrustAnchors, folder: Path, section: EvidenceSection) -> TrustAnchors:
    for tee in type(section.keys).model_fields:
        for name in getattr(section.keys, tee):
            try:
                keys = (load_arm_keys if tee in _ARM_TEES else load_keys)(read_named(folder, name))
                anchors = anchors.with_keys(tee, keys)
            except EvidenceError as error:
                raise invalid(f"{folder / name}: evidence.keys.{tee}: {error}") from error
    return anchors


def _policy(section: EvidenceSection) -> EvidencePolicy:
    try:
        return section.policy.to_policy(CrlPolicy(section.crl))
    except ValueError as error:
        raise invalid(f"{FILE_NAME}: {error}") from error


def _endorsement_files(
    folder: Path, section: EvidenceSection, anchors: TrustAnchors, known: Endorsements
) -> EndorsementFiles | None:
    if not section.endorsements:
        return None
    signers = [
        VerifyingKey.from_pem(read_named(folder, one)) for one in section.endorsement_signers
    ]
    return EndorsementFiles(
        folder, section.endorsements, signers=signers, anchors=anchors, known=known
    )


def _tpms(folder: Path, section: EvidenceSection) -> EkTrust:
    """Return whose TPMs may enrol an attestation key; intermediates are among the certificates."""
    anchors = TrustAnchors.vendor()
    roots = [read_named(folder, name) for name in section.tpm_roots]
    for root in roots:
        anchors = anchors.with_roots("tpm", root)
    if section.simulated is not None:
        roots.append(_simulated_root(folder, section.simulated))
        anchors = anchors.with_simulated(roots[-1])
    certificates = [*roots, *(read_named(folder, name) for name in section.certificates)]
    lists = [read_named(folder, name) for name in section.crls]
    return EkTrust(anchors, Endorsements.parse(certificates, lists))


def _simulated_root(folder: Path, root: SimulatedRoot) -> bytes:
    pem = read_named(folder, root.root)
    found = root_fingerprint(pem)
    if found != root.fingerprint:
        raise invalid(f"{root.root} has fingerprint {found}, expected {root.fingerprint}")
    return pem
