"""The messages by which a TPM's attestation key gets a certificate of the broker.

Format: docs/specs/attestation-keys.md.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from keybroker.protocol.messages import Base64, Message, Several, Time

# A public area of RSA-4096 is 600 bytes; a certificate is under 2 KiB, in an index of any size.
MAX_PUBLIC_BYTES = 1024
MAX_CERTIFICATE_BYTES = 16 * 1024

Certificate = Annotated[Base64, Field(min_length=1, max_length=MAX_CERTIFICATE_BYTES)]
Certificates = Annotated[tuple[Certificate, ...], *Several]
EnrolmentToken = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{64,4096}$", repr=False)]
CredentialSecret = Annotated[Base64, Field(min_length=32, max_length=32, repr=False)]


class AttestationKeyRequest(Message):
    """The body of `POST /v1/attestation-keys`: an EK's certificates, and a key beside that EK."""

    ak_public: Annotated[Base64, Field(min_length=1, max_length=MAX_PUBLIC_BYTES)]
    ek_chain: Certificates


class CredentialChallenge(Message):
    """A secret that only the TPM with that EK opens, and only if it holds that attestation key."""

    credential_blob: Annotated[Base64, Field(min_length=1, max_length=MAX_PUBLIC_BYTES)]
    encrypted_secret: Annotated[Base64, Field(min_length=1, max_length=MAX_PUBLIC_BYTES)]
    expires: Time
    token: EnrolmentToken


class ActivationRequest(Message):
    """The body of `POST /v1/attestation-keys/activate`: the secret that the TPM gave."""

    secret: CredentialSecret
    token: EnrolmentToken


class AttestationKeyCertificate(Message):
    """The certificate of an attestation key and the CA above it. `simulated`: a TPM of software."""

    ak_chain: Certificates
    expires: Time
    simulated: bool
