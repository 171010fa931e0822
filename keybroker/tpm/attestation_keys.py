"""Attestation keys of TPMs: a certificate for whoever proves to hold key and TPM together.

The broker is its own privacy CA: nothing is kept between the two calls, and a certificate says no
more than that some TPM of a trusted maker holds the key. Format: docs/specs/attestation-keys.md.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from attestation.tpm.credential import SECRET_BYTES, make_credential
from attestation.tpm.public import parse_public, require_attestation_key
from attestation.verifiers.tpm.endorsement_key import EkTrust, verify_endorsement_key
from keybroker.audit.leaf import AttestationKeyLeaf, encode_leaf
from keybroker.errors import BrokerCode, BrokerError
from keybroker.limits import CREDENTIAL_SECONDS
from keybroker.protocol import (
    ActivationRequest,
    AttestationKeyCertificate,
    AttestationKeyRequest,
    CredentialChallenge,
    format_time,
)
from keybroker.records import new_id
from keybroker.store.protocol import AttestationKeyEnrolment, Store
from keybroker.tpm.attestation_ca import AttestationCas
from keybroker.tpm.enrolment_tokens import EnrolmentTokens, PendingKey


@dataclass(frozen=True, slots=True)
class AttestationKeyService:
    """Certifies attestation keys. Safe to call from many threads."""

    store: Store = field(repr=False)
    cas: AttestationCas = field(repr=False)
    trust: EkTrust = field(repr=False)
    tokens: EnrolmentTokens = field(repr=False)
    clock: Callable[[], datetime] = field(repr=False)
    entropy: Callable[[int], bytes] = field(repr=False)

    def challenge(self, body: bytes) -> CredentialChallenge:
        """Return a secret for the TPM and the key that a request names.

        Raises `EvidenceError` (no trusted EK certificate, or no attestation key) and
        `ProtocolError`. Leaves no trace.
        """
        request, now = AttestationKeyRequest.parse(body), self.clock()
        # (2.1) Whose TPM is it?
        ek = verify_endorsement_key(request.ek_chain, trust=self.trust, now=now)

        # (2.2) A key that signs nothing but what its TPM made, and never leaves it.
        ak = parse_public(request.ak_public)
        require_attestation_key(ak)

        # (2.3) A secret for that TPM, if it holds that key; what we must know later, sealed.
        secret = self.entropy(SECRET_BYTES)
        credential = make_credential(ek.key, ak.name, secret, entropy=self.entropy)
        pending = PendingKey(
            ak_public=ak.area,
            ek=ek.fingerprint,
            secret_digest=hashlib.sha256(secret).digest(),
            simulated=ek.simulated,
            expires=now + timedelta(seconds=CREDENTIAL_SECONDS),
        )
        return CredentialChallenge(
            credential_blob=credential.blob,
            encrypted_secret=credential.encrypted_secret,
            expires=format_time(pending.expires),
            token=self.tokens.seal(pending, entropy=self.entropy),
        )

    def activate(self, body: bytes) -> AttestationKeyCertificate:
        """Return the certificate of a key whose TPM opened its credential.

        Raises `BrokerError` and `ProtocolError`; nothing was certified then.
        """
        request, now = ActivationRequest.parse(body), self.clock()
        # (3.1) Our token, in time.
        pending = self.tokens.open(request.token, now=now)

        # (3.2) The secret that only that TPM could open.
        found = hashlib.sha256(request.secret).digest()
        if not hmac.compare_digest(found, pending.secret_digest):
            raise BrokerError(BrokerCode.AK_NOT_ACTIVATED, "the secret is another one")

        # (3.3) In the log before anybody has it.
        ca = self.cas.for_tpm(simulated=pending.simulated)
        ak = parse_public(pending.ak_public)
        certificate, end = ca.certify(ak.key, ak.name, now=now)
        leaf = AttestationKeyLeaf(
            id=new_id("enrolment", self.entropy),
            at=now,
            key=hashlib.sha256(ak.area).hexdigest(),
            endorsement=f"sha256:{pending.ek.hex()}",
            certificate=f"sha256:{hashlib.sha256(certificate).hexdigest()}",
            expires=end,
            simulated=pending.simulated,
        )
        self.store.enrol_attestation_key(AttestationKeyEnrolment(encode_leaf(leaf)))
        return AttestationKeyCertificate(
            ak_chain=(certificate, ca.certificate),
            expires=format_time(end),
            simulated=pending.simulated,
        )
