"""The runtime data of an HCL report: the key of the virtual TPM, and how the guest was configured.

JSON whose digest is in the hardware report; the paravisor wrote it, so it counts as the hardware
report does. Same source as `hcl`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa

from attestation.cache import BoundedCache
from attestation.claims import ClaimValue
from attestation.encoding import parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.keys import PublicKey, TrustedKey, parse_jwk
from attestation.limits import MAX_CACHED_CHAINS, MAX_HCL_BYTES
from attestation.report_data import REPORT_DATA_BYTES
from attestation.verifiers.azure.hcl import HclReport
from attestation.verifiers.tpm.quote import Signer

_AK: Final = "HCLAkPub"
_AK_BITS: Final = 2048
# Member of `vm-configuration` -> (claim, type).
_CONFIGURATION: Final[dict[str, tuple[str, type]]] = {
    "console-enabled": ("console-enabled", bool),
    "secure-boot": ("secure-boot", bool),
    "tpm-enabled": ("tpm-enabled", bool),
    "tpm-persisted": ("tpm-persisted", bool),
    "vmUniqueId": ("vm-unique-id", str),
    "root-cert-thumbprint": ("root-cert-thumbprint", str),
}
_USER_DATA: Final = re.compile(r"[0-9A-Fa-f]{128}")
_MAX_TEXT: Final = 128


@dataclass(frozen=True, slots=True)
class Runtime:
    """The attestation key of the virtual TPM, and the claims of the guest's configuration."""

    signer: Signer = field(repr=False)
    claims: Mapping[str, ClaimValue]


_known: Final = BoundedCache[Runtime](MAX_CACHED_CHAINS)


def bound_runtime(hcl: HclReport, report_data: bytes) -> Runtime:
    """Return the runtime data that the hardware report with this REPORT_DATA was made for.

    That is its digest and zeros. What was read is remembered by digest: a guest has the same for
    as long as it runs. Raises `EvidenceError`: `binding`, or what `parse_runtime` raises.
    """
    require_bound(hcl, report_data)
    key = hashlib.sha256(hcl.runtime).digest()
    found = _known.get(key)
    if found is None:
        found = parse_runtime(hcl.runtime)
        _known.put(key, found)
    return found


def require_bound(hcl: HclReport, report_data: bytes) -> None:
    """Refuse runtime data that the hardware report was not made for: `binding`."""
    digest = hashlib.new(hcl.hash_name, hcl.runtime).digest().ljust(REPORT_DATA_BYTES, b"\0")
    if not hmac.compare_digest(digest, report_data):
        raise EvidenceError(Refusal.BINDING, "runtime data is not what the hardware report is for")


def parse_runtime(data: bytes) -> Runtime:
    """Return what runtime data says; unknown members are read over.

    Raises `EvidenceError` `malformed`, also for a key that is not RSA-2048.
    """
    document = parse_json(data, limit_bytes=MAX_HCL_BYTES, what="runtime data")
    if not isinstance(document, dict):
        raise _malformed("not an object")
    claims = _configuration(document.get("vm-configuration"))
    user_data = document.get("user-data")
    if user_data is not None:
        if not isinstance(user_data, str) or not _USER_DATA.fullmatch(user_data):
            raise _malformed("user data is not 64 bytes in hex")
        claims["user-data"] = user_data.lower()
    key = TrustedKey(_ak(document.get("keys")))
    return Runtime(Signer.of(key), MappingProxyType(claims))


def _ak(keys: Any) -> PublicKey:
    if not isinstance(keys, list) or not all(isinstance(one, dict) for one in keys):
        raise _malformed("no list of keys")
    named = [one for one in keys if one.get("kid") == _AK]
    if len(named) != 1:
        raise _malformed(f"{len(named)} keys are called {_AK}")
    try:
        key = parse_jwk(named[0]).public
    except EvidenceError as error:
        raise _malformed(f"{_AK} is not readable") from error
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != _AK_BITS:
        raise _malformed(f"{_AK} is not RSA-{_AK_BITS}")
    return key


def _configuration(given: Any) -> dict[str, ClaimValue]:
    if not isinstance(given, dict):
        raise _malformed("no configuration of the virtual machine")
    claims: dict[str, ClaimValue] = {}
    for member, (name, kind) in _CONFIGURATION.items():
        value = given.get(member)
        if value is None:
            continue
        if not isinstance(value, bool | str) or type(value) is not kind:
            raise _malformed(f"{member} is not a {kind.__name__}")
        # Claims go into logs, receipts and tokens, which have no form for half characters.
        if isinstance(value, str) and not (len(value) <= _MAX_TEXT and _is_printable(value)):
            raise _malformed(f"{member} is not up to {_MAX_TEXT} printable characters of ASCII")
        claims[name] = value
    return claims


def _is_printable(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"runtime data: {detail}")
