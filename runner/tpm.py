"""A runner on a machine with a TPM: measured into a PCR, its attestation key certified once.

What this proves is in docs/limitations.md: a runner that measures itself has to be measured, in
turn, by whatever starts it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from attestation.attesters import Attester
from attestation.errors import EvidenceError
from attestation.limits import MAX_EVENT_LOG_BYTES, MAX_PATH_CERTIFICATES
from attestation.policy.tpm import RUNNER_PCR
from attestation.tpm.client import Tpm
from attestation.tpm.codes import TpmError
from attestation.tpm.constants import ALG_SHA256
from attestation.tpm.credential import SECRET_BYTES
from attestation.tpm.enrolment import attestation_key, find_endorsement, open_credential
from attestation.tpm.pcr import PcrSelection, extend
from attestation.tpm.transport import open_transport
from attestation.tpm_attester import TpmAttester
from attestation.x509.certificate import parse_certificate
from attestation.x509.pem import encode_pem, parse_pem
from attestation.x509.signatures import load_spki
from keybroker.protocol import (
    ActivationRequest,
    AttestationKeyCertificate,
    AttestationKeyRequest,
    CredentialChallenge,
)
from runner.errors import RunnerCode, RunnerError
from runner.measure import Measurement

EVENT_LOG: Final = Path("/sys/kernel/security/tpm0/binary_bios_measurements")
# A certificate with less left is renewed before it gets in the way.
_RENEW_BEFORE: Final = timedelta(days=1)
_MAX_CHAIN_BYTES: Final = 64 * 1024
_RESET: Final = bytes(32)


class Certifier(Protocol):
    """A broker that certifies attestation keys. Each call raises `RunnerError`."""

    @property
    def base(self) -> str:
        """Return the address that its certificates are kept under."""
        ...

    def credential(self, request: AttestationKeyRequest) -> CredentialChallenge:
        """Return a secret for this TPM and key."""
        ...

    def certify(self, request: ActivationRequest) -> AttestationKeyCertificate:
        """Return the certificate for the secret that the TPM gave."""
        ...


def measured_value(measurement: Measurement) -> bytes:
    """Return what the runner's PCR holds once this runner, and nothing else, was measured."""
    return extend(_RESET, _digest(measurement))


def tpm_attester(
    path: Path, broker: Certifier, measurement: Measurement, *, state: Path, now: datetime
) -> Attester:
    """Return the attester over the TPM at `path` (a device, or the socket of one in software).

    Measures this runner first. The certificate of the attestation key is kept in the folder
    `state`, one for each broker, and asked for again when it is missing, another key's or nearly
    over. Raises `RunnerError`.
    """
    try:
        with Tpm(open_transport(path)) as tpm:
            _measure(tpm, measurement)
            chain = _certified(tpm, broker, state, now)
    except (TpmError, EvidenceError, OSError) as error:
        detail = f"the TPM at {path} cannot be used: {error}"
        remedy = "sealwasm doctor; the TPM must be readable and hold an EK certificate"
        raise RunnerError(RunnerCode.ATTESTER_MISSING, detail, remedy) from error
    return TpmAttester(lambda: Tpm(open_transport(path)), chain, _event_log(path))


def _digest(measurement: Measurement) -> bytes:
    return hashlib.sha256(measurement.digest).digest()


def _measure(tpm: Tpm, measurement: Measurement) -> None:
    """Extend the runner's PCR, unless it says already that this runner and no other ran."""
    found = tpm.pcr_read(PcrSelection(ALG_SHA256, (RUNNER_PCR,)))
    if found[RUNNER_PCR] != measured_value(measurement):
        tpm.pcr_extend(RUNNER_PCR, _digest(measurement))


def _certified(tpm: Tpm, broker: Certifier, state: Path, now: datetime) -> bytes:
    """Return the PEM chain of this TPM's attestation key, from the state folder or the broker."""
    kept = state / f"ak-{hashlib.sha256(broker.base.encode()).hexdigest()[:16]}.pem"
    with attestation_key(tpm) as key:
        public = key.public
    if kept.is_file():
        chain = kept.read_bytes()[:_MAX_CHAIN_BYTES]
        if _counts(chain, public.key.public_numbers(), now):
            return chain
    chain = _enrol(tpm, broker, public.area)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept.write_bytes(chain)
    return chain


def _counts(chain: bytes, numbers: object, now: datetime) -> bool:
    try:
        blobs = parse_pem(chain, label="CERTIFICATE", limit=MAX_PATH_CERTIFICATES)
        leaf = parse_certificate(blobs[0])
        same = load_spki(leaf.spki).public_numbers() == numbers
    except EvidenceError:
        return False
    return same and leaf.not_before <= now < leaf.not_after - _RENEW_BEFORE


def _enrol(tpm: Tpm, broker: Certifier, ak_public: bytes) -> bytes:
    endorsement = find_endorsement(tpm)
    request = AttestationKeyRequest(ak_public=ak_public, ek_chain=(endorsement.certificate,))
    challenge = broker.credential(request)
    secret = open_credential(
        tpm,
        endorsement,
        credential=challenge.credential_blob,
        secret=challenge.encrypted_secret,
    )
    if len(secret) != SECRET_BYTES:
        raise RunnerError(RunnerCode.BROKER_NOT_GENUINE, f"credential holds {len(secret)} bytes")
    answer = broker.certify(ActivationRequest(secret=secret, token=challenge.token))
    return b"".join(encode_pem("CERTIFICATE", one) for one in answer.ak_chain)


def _event_log(path: Path) -> bytes | None:
    """Return the firmware's log of the first TPM, if this is a device and we may read it."""
    if not path.is_char_device():
        return None
    try:
        with EVENT_LOG.open("rb") as file:
            log = file.read(MAX_EVENT_LOG_BYTES + 1)
    except OSError:
        return None
    return log if 0 < len(log) <= MAX_EVENT_LOG_BYTES else None
