"""The birth of a broker: a folder with its master key, its keys, its log and its configuration."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from attestation.errors import EvidenceError
from attestation.x509.pem import encode_pem
from keybroker.audit.leaf import BrokerInitialisedLeaf, encode_leaf
from keybroker.errors import BrokerCode, BrokerError
from keybroker.keys import BrokerKeys
from keybroker.records import new_id
from keybroker.seals.file import create_master_key, open_master_key
from keybroker.settings.config import (
    API,
    FILE_NAME,
    OPERATIONS,
    Listen,
    parse_config,
)
from keybroker.settings.models import load_settings, root_fingerprint
from keybroker.settings.named_files import invalid
from keybroker.store.protocol import Initialisation
from keybroker.store.sqlite import SqliteStore
from keybroker.tpm.attestation_ca import AttestationCas
from sealing.keys import VerifyingKey

MASTER_KEY = "master.key"
DATABASE = "broker.db"
_HEAD = "# A sealwasm key broker: docs/specs/enrolment.md, section 1. Files are in this folder.\n"


@dataclass(frozen=True, slots=True)
class EvidenceFiles:
    """What a new broker checks evidence against. Without a simulated root: vendor roots only."""

    references: bytes
    certificates: bytes | None = None
    crl: bytes | None = None
    endorsements: bytes | None = None
    simulated_root: bytes | None = None


@dataclass(frozen=True, slots=True)
class NewBroker:
    """What the operator decides once, before the first start."""

    operator: VerifyingKey
    origin: str
    evidence: EvidenceFiles = field(repr=False)
    guardrails: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    listen: Listen = API
    operations: Listen = OPERATIONS


def init_broker(
    folder: Path,
    new: NewBroker,
    *,
    now: datetime,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> BrokerKeys:
    """Make a broker in a folder that does not exist yet or is empty, wholly or not at all.

    Returns its keys, whose public halves owners need. Raises `BrokerError`.
    """
    folder = folder.absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        started = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        _write_files(started, new)
        keys = _write_keys(started, now, entropy)
        started.rename(folder)
        _sync(folder.parent)
    except OSError as error:
        raise _unusable(folder, error) from error
    finally:
        shutil.rmtree(started, ignore_errors=True)
    return keys


def _write_keys(folder: Path, now: datetime, entropy: Callable[[int], bytes]) -> BrokerKeys:
    create_master_key(folder / MASTER_KEY, entropy=entropy)
    seal = open_master_key(folder / MASTER_KEY)
    keys, rows = BrokerKeys.create(seal, now=now, entropy=entropy)
    leaf = BrokerInitialisedLeaf(
        id=new_id("broker", entropy),
        at=now,
        identity=keys.identity.key_id,
        sealing=tuple(key.public.key_id for key in keys.sealing),
        ear=keys.ear.key_id,
        checkpoint=keys.checkpoint.key_id,
    )
    with SqliteStore.create(folder / DATABASE) as store:
        store.initialise(Initialisation(rows, encode_leaf(leaf)))
    _write_attestation_cas(folder, keys)
    return keys


def _write_attestation_cas(folder: Path, keys: BrokerKeys) -> None:
    """Write what a verifier of receipts needs of evidence by TPMs that this broker enrolled."""
    cas = AttestationCas.of_keys(keys.attestation_ca, keys.simulated_attestation_ca)
    for name, ca in (("tpm-ca", cas.hardware), ("tpm-ca-simulated", cas.simulated)):
        _write(folder / f"{name}.pem", encode_pem("CERTIFICATE", ca.certificate))
        _write(folder / f"{name}.crl", ca.revocations())


def _write_files(folder: Path, new: NewBroker) -> None:
    """Write the configuration and the files it names, and read them back as a start would."""
    evidence = new.evidence
    files = {
        "operator.pem": new.operator.to_pem(),
        "references.json": evidence.references,
        "certificates.pem": evidence.certificates,
        "crl.der": evidence.crl,
        "endorsements.json": evidence.endorsements,
        "simulated-root.pem": evidence.simulated_root,
        **new.guardrails,
    }
    written = {name: data for name, data in files.items() if data is not None}
    for name, data in written.items():
        if Path(name).name != name:
            raise invalid(f"{name!r} is not the name of a file in the broker's folder")
        _write(folder / name, data)
    text = _HEAD + yaml.safe_dump(_document(new, written.keys()), sort_keys=False)
    _write(folder / FILE_NAME, text.encode())
    load_settings(folder, parse_config(text.encode()))


def _document(new: NewBroker, written: Collection[str]) -> dict[str, Any]:
    evidence: dict[str, Any] = {
        "certificates": [name for name in ("certificates.pem",) if name in written],
        "crls": [name for name in ("crl.der",) if name in written],
        "endorsements": [name for name in ("endorsements.json",) if name in written],
        "references": "references.json",
    }
    if new.evidence.simulated_root is not None:
        fingerprint = _fingerprint(new.evidence.simulated_root)
        evidence["simulated"] = {"root": "simulated-root.pem", "fingerprint": fingerprint}
    return {
        "version": 1,
        "origin": new.origin,
        "listen": new.listen.model_dump(),
        "operations": new.operations.model_dump(),
        "operator": "operator.pem",
        "evidence": evidence,
        "guardrails": list(new.guardrails),
    }


def _fingerprint(root: bytes) -> str:
    try:
        return root_fingerprint(root)
    except EvidenceError as error:
        raise invalid(f"simulated root: {error}") from error


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(folder: Path, error: OSError) -> BrokerError:
    return BrokerError(BrokerCode.STORE_EXISTS, f"{folder}: {error.strerror}")
