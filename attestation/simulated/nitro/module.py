"""A simulated security module: answers requests as /dev/nsm does, and can go wrong in one way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attestation import cbor, cose
from attestation.errors import EvidenceError
from attestation.limits import (
    MAX_NITRO_PUBLIC_KEY_BYTES,
    MAX_NITRO_USER_BYTES,
    NSM_REQUEST_BYTES,
)
from attestation.simulated.authority import derive_key
from attestation.simulated.nitro.document_writer import (
    ES384_HEADER,
    encode_map,
    encode_sign1,
    sign_raw,
)
from attestation.simulated.nitro.faults import Fault
from attestation.simulated.nitro.vendor import Leaf, Vendor

Clock = Callable[[], datetime]
Members = list[tuple[str, Any]]

PCR_COUNT: Final = 16
_LIMITS: Final = {
    "user_data": MAX_NITRO_USER_BYTES,
    "nonce": MAX_NITRO_USER_BYTES,
    "public_key": MAX_NITRO_PUBLIC_KEY_BYTES,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HALF: Final = 48


@dataclass(frozen=True, slots=True)
class SimulatedNsm:
    """An `NsmDevice` of one enclave. `pcrs` replace or add to what the launch measured."""

    vendor: Vendor = field(repr=False)
    stranger: Vendor = field(repr=False)
    measurement: bytes
    clock: Clock = field(repr=False)
    pcrs: tuple[tuple[int, bytes], ...] = ()
    indefinite: bool = False
    tagged: bool = False
    faults: frozenset[Fault] = frozenset()

    def exchange(self, request: bytes) -> bytes:
        """Return the encoded answer: a document, or the module's word for what is wrong."""
        if len(request) > NSM_REQUEST_BYTES:
            return _error("InputTooLarge")
        try:
            asked = cbor.decode(request, what="NSM request")
        except EvidenceError:
            return _error("InvalidArgument")
        if not isinstance(asked, dict) or asked.keys() != {"Attestation"}:
            return _error("InvalidOperation")
        given = asked["Attestation"]
        if not isinstance(given, dict) or not given.keys() <= _LIMITS.keys():
            return _error("InvalidArgument")
        for name, value in given.items():
            if not isinstance(value, bytes | None):
                return _error("InvalidArgument")
            if value is not None and len(value) > _LIMITS[name]:
                return _error("InputTooLarge")
        return cbor.encode({"Attestation": {"document": self._document(given)}})

    def _document(self, given: dict[str, bytes | None]) -> bytes:
        now = self.clock()
        leaf = self._leaf(now)
        payload = self._payload(self._members(given, leaf, self._signed_at(now)))
        document = self._sign(payload, leaf.key)
        return document + b"\0" if Fault.TRAILING_DATA in self.faults else document

    def _signed_at(self, now: datetime) -> datetime:
        if Fault.OLD_DOCUMENT in self.faults:
            return now - timedelta(hours=1)
        if Fault.FUTURE_DOCUMENT in self.faults:
            return now + timedelta(hours=1)
        return now

    def _leaf(self, now: datetime) -> Leaf:
        vendor = self.stranger if Fault.SIGNED_BY_STRANGER in self.faults else self.vendor
        issuers = vendor.issuers(
            ca_flag=Fault.NO_CA_FLAG not in self.faults,
            zone_allows=0 if Fault.PATH_TOO_LONG in self.faults else 1,
        )
        if Fault.LEAF_IS_CA in self.faults:
            return vendor.leaf_that_is_ca(now, issuers)
        if Fault.EXPIRED_LEAF in self.faults:
            return vendor.leaf(now - timedelta(hours=4), issuers)
        if Fault.FUTURE_LEAF in self.faults:
            return vendor.leaf(now + timedelta(hours=1), issuers)
        # Old enough for a document that says it is an hour old.
        start = now - timedelta(hours=1) if Fault.OLD_DOCUMENT in self.faults else now
        return vendor.leaf(start, issuers)

    def _members(self, given: dict[str, bytes | None], leaf: Leaf, signed_at: datetime) -> Members:
        bundle = list(leaf.bundle)
        if Fault.MISSING_ISSUER in self.faults:
            del bundle[2]
        if Fault.BUNDLE_REVERSED in self.faults:
            bundle.reverse()
        members: Members = [
            ("module_id", self.vendor.module_id),
            ("digest", "SHA384"),
            ("timestamp", (signed_at - _EPOCH) // timedelta(milliseconds=1)),
            ("pcrs", self._pcrs()),
            ("certificate", leaf.certificate),
            ("cabundle", bundle),
            ("public_key", given.get("public_key")),
            ("user_data", given.get("user_data")),
            ("nonce", self._nonce(given.get("nonce"))),
        ]
        if Fault.DUPLICATE_KEY in self.faults:
            members.append(members[-1])
        if Fault.UNKNOWN_MEMBER in self.faults:
            members.append(("region", "nowhere-1"))
        return members

    def _nonce(self, nonce: bytes | None) -> bytes | None:
        if Fault.REPLAYED_NONCE in self.faults:
            return hashlib.sha512(b"an earlier request").digest()
        return None if Fault.NO_NONCE in self.faults else nonce

    def _pcrs(self) -> dict[int, bytes]:
        pcrs = dict.fromkeys(range(PCR_COUNT), bytes(_HALF))
        pcrs[0] = self.measurement
        for number, what in ((1, "kernel"), (2, "application"), (3, "role")):
            pcrs[number] = hashlib.sha384(f"simulated {what}".encode()).digest()
        pcrs[4] = hashlib.sha384(self.vendor.instance.encode()).digest()
        pcrs |= dict(self.pcrs)
        if Fault.DEBUG in self.faults:
            pcrs |= dict.fromkeys((0, 1, 2), bytes(_HALF))
        if Fault.HALF_DEBUG in self.faults:
            pcrs[1] = bytes(_HALF)
        if Fault.MISSING_PCR in self.faults:
            del pcrs[2]
        if Fault.SHORT_PCR in self.faults:
            pcrs[0] = pcrs[0][:32]
        return pcrs

    def _payload(self, members: Members) -> bytes:
        return encode_map(members, indefinite=self.indefinite)

    def _sign(self, payload: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
        if Fault.SIGNED_BY_OTHER_KEY in self.faults:
            key = derive_key(self.vendor.secret, "nitro nobody", ec.SECP384R1())
        protected = ES384_HEADER
        if Fault.WRONG_ALGORITHM in self.faults:
            protected = cbor.encode({cose.ALGORITHM: cose.ES512})
        signature = self._spoilt(sign_raw(key, payload, protected))
        if Fault.TAMPERED in self.faults:
            # The lowest bit of PCR0, after signing.
            changed = bytes([self.measurement[0] ^ 1]) + self.measurement[1:]
            payload = payload.replace(self.measurement, changed, 1)
        unprotected = {4: b"a key id"} if Fault.UNSIGNED_HEADER in self.faults else None
        return encode_sign1(
            payload, signature, protected=protected, unprotected=unprotected, tagged=self.tagged
        )

    def _spoilt(self, signature: bytes) -> bytes:
        if Fault.SHORT_SIGNATURE in self.faults:
            return signature[:-1]
        if Fault.DER_SIGNATURE in self.faults:
            r, s = signature[:_HALF], signature[_HALF:]
            return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        return signature


def _error(word: str) -> bytes:
    return cbor.encode({"Error": word})
