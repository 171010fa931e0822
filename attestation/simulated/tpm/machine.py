"""A machine with a simulated TPM: boots, measures a runner, and quotes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from attestation.eventlog.log import parse_event_log
from attestation.eventlog.replay import replay_pcrs
from attestation.evidence import UnverifiedEvidence
from attestation.policy.tpm import RUNNER_PCR
from attestation.report_data import REPORT_DATA_BYTES, sha256_nonce
from attestation.simulated.tpm.faults import Fault
from attestation.simulated.tpm.log_writer import boot_log
from attestation.simulated.tpm.vendor import Vendor
from attestation.tpm import constants as c
from attestation.tpm.attest import Quote, encode_quote
from attestation.tpm.pcr import PcrSelection, digest_of, encode_pcrs, extend
from attestation.tpm.public import encode_public, name_of
from attestation.tpm.signature import TpmSignature, encode_signature
from attestation.x509.pem import encode_pem

MEASUREMENT_BYTES: Final = 48
AK_ATTRIBUTES: Final = (
    c.FIXED_TPM
    | c.FIXED_PARENT
    | c.SENSITIVE_DATA_ORIGIN
    | c.USER_WITH_AUTH
    | c.RESTRICTED
    | c.SIGN
)
_FIRMWARE: Final = 0x2026_1122_0001_0000
_DRTM: Final = range(17, 23)
_BYTES: Final = 32


def runner_pcr(measurement: bytes) -> bytes:
    """Return what PCR 12 holds once a runner with this 48-byte measurement was measured."""
    return extend(bytes(_BYTES), hashlib.sha256(measurement).digest())


def booted_pcrs(log: bytes, measurement: bytes) -> dict[int, bytes]:
    """Return all 24 PCRs of SHA-256 after the boot of a log and the measuring of a runner."""
    start = {index: bytes([0xFF if index in _DRTM else 0]) * _BYTES for index in range(24)}
    pcrs = start | dict(replay_pcrs(parse_event_log(log), c.ALG_SHA256))
    return pcrs | {RUNNER_PCR: runner_pcr(measurement)}


def sign_ecdsa(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """Return a TPMT_SIGNATURE with SHA-256 on P-256. Deterministic (RFC 6979)."""
    scheme = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    pair = decode_dss_signature(key.sign(message, scheme))
    values = tuple(one.to_bytes(_BYTES, "big") for one in pair)
    return encode_signature(TpmSignature(c.ALG_ECDSA, c.ALG_SHA256, values))


@dataclass(frozen=True, slots=True)
class SimulatedTpmMachine:
    """An `Attester`. Each verb returns another machine that has one more thing wrong with it."""

    vendor: Vendor = field(repr=False)
    measurement: bytes
    selected: tuple[int, ...] = tuple(range(24))
    secure_boot: bool = True
    faults: frozenset[Fault] = frozenset()

    def __post_init__(self) -> None:
        if len(self.measurement) != MEASUREMENT_BYTES:
            raise ValueError(f"measurement is {len(self.measurement)} bytes, expected 48")

    @property
    def tee(self) -> str:
        """The TEE's name, as in evidence."""
        return "tpm"

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return a quote whose nonce is the SHA-256 of these 64 bytes, unless a fault says not.

        Raises `ValueError` for another length.
        """
        if len(report_data) != REPORT_DATA_BYTES:
            raise ValueError(f"report data is {len(report_data)} bytes, expected 64")
        log = boot_log(secure_boot=bytes([self.secure_boot]))
        measured = bytes(48) if Fault.OTHER_RUNNER in self.faults else self.measurement
        pcrs = booted_pcrs(log, measured)
        message = self._message(report_data, pcrs)
        parts = {
            "quote": self._tampered(message),
            "signature": self._sign(message),
            "pcrs": encode_pcrs({"sha256": self._shown(pcrs)}),
            "ak_public": self._public(),
        }
        if Fault.NO_CERTIFICATE not in self.faults:
            parts["ak_chain"] = self._chain()
        if Fault.NO_EVENT_LOG not in self.faults:
            parts["event_log"] = self._log(log)
        return UnverifiedEvidence("tpm", parts)

    @property
    def _maker(self) -> Vendor:
        return self.vendor.stranger() if Fault.SIGNED_BY_STRANGER in self.faults else self.vendor

    @property
    def _indices(self) -> tuple[int, ...]:
        left_out = {RUNNER_PCR} if Fault.NO_RUNNER_PCR in self.faults else set()
        return tuple(one for one in self.selected if one not in left_out)

    def _message(self, report_data: bytes, pcrs: Mapping[int, bytes]) -> bytes:
        nonce = sha256_nonce(report_data)
        if Fault.REPLAYED_NONCE in self.faults:
            nonce = sha256_nonce(b"an earlier request")
        if Fault.EMPTY_NONCE in self.faults:
            nonce = b""
        selections = (PcrSelection(c.ALG_SHA256, self._indices),)
        digest = digest_of(selections, {"sha256": pcrs}, c.ALG_SHA256)
        if Fault.SHA1_BANK in self.faults:
            selections = (PcrSelection(c.ALG_SHA1, self._indices),)
        message = encode_quote(
            Quote(
                qualified_signer=name_of(b"\0\0\0\x0b" + name_of(self._public())),
                extra_data=nonce,
                clock=60_000,
                reset_count=1,
                restart_count=0,
                clock_safe=True,
                firmware_version=_FIRMWARE,
                selections=selections,
                pcr_digest=digest,
            )
        )
        if Fault.WRONG_MAGIC in self.faults:
            message = b"\xff\x54\x43\x46" + message[4:]
        if Fault.NOT_A_QUOTE in self.faults:
            message = message[:4] + b"\x80\x17" + message[6:]
        return message + b"\0" * (Fault.TRAILING_DATA in self.faults)

    def _tampered(self, message: bytes) -> bytes:
        if Fault.TAMPERED not in self.faults:
            return message
        # The lowest bit of the nonce, after signing.
        at = 4 + 2 + 2 + 34 + 2 + 31
        return message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]

    def _sign(self, message: bytes) -> bytes:
        role = "other" if Fault.SIGNED_BY_OTHER_KEY in self.faults else "ak"
        return sign_ecdsa(self._maker.ak(role), message)

    def _shown(self, pcrs: Mapping[int, bytes]) -> dict[int, bytes]:
        shown = {index: pcrs[index] for index in self._indices}
        if Fault.WRONG_PCRS in self.faults:
            shown[RUNNER_PCR] = runner_pcr(bytes(48))
        if Fault.MISSING_PCR in self.faults:
            del shown[max(shown)]
        return shown

    def _public(self) -> bytes:
        attributes = AK_ATTRIBUTES
        if Fault.UNRESTRICTED_KEY in self.faults:
            attributes &= ~c.RESTRICTED
        if Fault.IMPORTED_KEY in self.faults:
            attributes &= ~c.SENSITIVE_DATA_ORIGIN
        role = "other" if Fault.OTHER_KEY_SHOWN in self.faults else "ak"
        key = self._maker.ak(role).public_key()
        return encode_public(key, attributes=attributes, scheme=c.ALG_ECDSA)

    def _chain(self) -> bytes:
        maker = self._maker
        if Fault.CERTIFICATE_OF_CA in self.faults:
            leaf = maker.certificate_of_ca()
        elif Fault.EXPIRED_CERTIFICATE in self.faults:
            leaf = maker.certificate(period=maker.past())
        elif Fault.FUTURE_CERTIFICATE in self.faults:
            leaf = maker.certificate(period=maker.future())
        else:
            leaf = maker.certificate(of_ek=Fault.CERTIFICATE_OF_EK in self.faults)
        chain = (leaf, maker.ca.certificate, maker.root.certificate)
        return b"".join(encode_pem("CERTIFICATE", one) for one in chain)

    def _log(self, log: bytes) -> bytes:
        if Fault.WRONG_EVENT_LOG in self.faults:
            # The story of the same boot with Secure Boot the other way round.
            return boot_log(secure_boot=bytes([not self.secure_boot]))
        if Fault.LYING_EVENT_LOG in self.faults:
            # Right digests, so replay agrees, beside the other value.
            name = "SecureBoot".encode("utf-16-le")
            told = name + bytes([not self.secure_boot])
            return log.replace(name + bytes([self.secure_boot]), told)
        return log

    def with_fault(self, fault: Fault) -> SimulatedTpmMachine:
        """Return this machine with one more fault."""
        return replace(self, faults=self.faults | {fault})

    def replayed_nonce(self) -> SimulatedTpmMachine:
        """Return it showing a quote that was made for an earlier request."""
        return self.with_fault(Fault.REPLAYED_NONCE)

    def signed_by_stranger(self) -> SimulatedTpmMachine:
        """Return it with a TPM of a vendor nobody knows."""
        return self.with_fault(Fault.SIGNED_BY_STRANGER)

    def tampered(self) -> SimulatedTpmMachine:
        """Return it with one bit of the quote changed after signing."""
        return self.with_fault(Fault.TAMPERED)

    def wrong_pcrs(self) -> SimulatedTpmMachine:
        """Return it showing other PCR values than those that were quoted."""
        return self.with_fault(Fault.WRONG_PCRS)
