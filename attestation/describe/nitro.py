"""Nitro attestation documents, member by member (AWS aws-nitro-enclaves-nsm-api)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attestation.describe.field import Described, text_of
from attestation.verifiers.nitro.document import parse_document
from attestation.x509.certificate import parse_certificate

_PCRS: Final[dict[int, str]] = {
    0: "the enclave image",
    1: "kernel and boot",
    2: "the application",
    3: "role of the parent instance",
    4: "id of the parent instance",
    8: "certificate that signed the image",
}


def describe_nitro(parts: Mapping[str, bytes]) -> list[Described]:
    """Return the members of a document and the dates of its certificate."""
    document = parse_document(parts.get("document", b""))
    leaf = parse_certificate(document.certificate)
    zero = not any(any(document.pcrs.get(index, b"\1")) for index in (0, 1, 2))
    return [
        Described("document", "module-id", document.module_id, "instance and enclave"),
        Described("document", "timestamp", text_of(document.signed_at), "when it was made"),
        Described("document", "debug", text_of(zero), "PCR 0 to 2 are zero: debug mode"),
        *(
            Described("document", f"pcr {index}", value.hex(), _PCRS.get(index, "free use"))
            for index, value in sorted(document.pcrs.items())
        ),
        Described("document", "nonce", text_of(document.nonce), "what it is bound to"),
        Described("document", "user-data", text_of(document.user_data), "given by the enclave"),
        Described("document", "public-key", text_of(document.public_key), "given by the enclave"),
        Described("document", "certificate", leaf.subject_cn, "whose key signed it"),
        Described("document", "not after", text_of(leaf.not_after), "certificate valid until"),
        Described("document", "cabundle", str(len(document.cabundle)), "certificates above it"),
    ]
