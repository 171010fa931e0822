"""What a guest reads from configfs-tsm, as the two containers that agents send it in.

Linux ABI `configfs-tsm-report`: `outblob` is the report, `auxblob` the certificate table,
`provider` the driver. JSON holds base64url texts, CBOR (RFC 8949) byte strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attestation import cbor
from attestation.encoding import b64url_decode, parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.limits import MAX_CERT_TABLE_BYTES, MAX_PART_BYTES
from attestation.tsm_attester import PROVIDERS

_MAX_BYTES: Final = 2 * (MAX_CERT_TABLE_BYTES + MAX_PART_BYTES)
_KNOWN: Final = frozenset({"outblob", "auxblob", "provider"})
# Containers without a provider are older than the other drivers; some agents write a hyphen.
_DEFAULT_PROVIDER: Final = b"sev_guest"


def parse_tsm(data: bytes) -> UnverifiedEvidence:
    """Return the evidence in a tsm container: SNP, TDX or CCA, as its provider says.

    Raises `EvidenceError`: `unsupported` for another provider, `malformed` for other content.
    """
    if len(data) > _MAX_BYTES:
        raise _malformed(f"{len(data)} bytes, limit {_MAX_BYTES}")
    members = _json_members(data) if data[:1] in {b"{", b" ", b"\n"} else _cbor_members(data)
    if not {"outblob"} <= members.keys() <= _KNOWN:
        raise _malformed("members are not those of a report")
    named = members.get("provider", _DEFAULT_PROVIDER).rstrip(b"\n").decode("ascii", "replace")
    provider = PROVIDERS.get(named.replace("-", "_"))
    if provider is None:
        raise EvidenceError(Refusal.UNSUPPORTED, "tsm container is by another provider")
    parts = {provider.outblob: members["outblob"]}
    if members.get("auxblob"):
        if provider.auxblob is None:
            raise _malformed(f"{named} has no auxblob")
        parts[provider.auxblob] = members["auxblob"]
    return UnverifiedEvidence(provider.tee, parts)


def _json_members(data: bytes) -> Mapping[str, bytes]:
    document = parse_json(data, limit_bytes=_MAX_BYTES, what="tsm container")
    if not isinstance(document, dict):
        raise _malformed("not an object")
    return {name: _json_value(name, value) for name, value in document.items()}


def _json_value(name: str, value: Any) -> bytes:
    if not isinstance(value, str):
        raise _malformed(f"{name} is not text")
    return value.encode() if name == "provider" else b64url_decode(value, what=f"tsm {name}")


def _cbor_members(data: bytes) -> Mapping[str, bytes]:
    document = cbor.decode(data, what="tsm container")
    if not isinstance(document, dict) or not all(isinstance(name, str) for name in document):
        raise _malformed("not a map of texts")
    return {str(name): _cbor_value(str(name), value) for name, value in document.items()}


def _cbor_value(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, bytes):
        raise _malformed(f"{name} is neither text nor bytes")
    return value


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"tsm container: {detail}")
