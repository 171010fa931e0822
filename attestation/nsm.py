"""Evidence from inside an AWS Nitro Enclave: the Nitro Security Module, /dev/nsm.

Source: Linux `include/uapi/linux/nsm.h` and AWS `aws-nitro-enclaves-nsm-api`. One request is one
CBOR map, and so is its answer; the kernel passes both through unread.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from attestation import cbor
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.limits import (
    MAX_NITRO_PUBLIC_KEY_BYTES,
    MAX_NITRO_USER_BYTES,
    NSM_REQUEST_BYTES,
    NSM_RESPONSE_BYTES,
)
from attestation.report_data import REPORT_DATA_BYTES

NSM_PATH: Final = Path("/dev/nsm")
_WHAT: Final = "NSM answer"


class _Message(ctypes.Structure):
    """`struct nsm_raw`: two `struct nsm_iovec`, of address and length each."""

    _fields_ = (
        ("request_address", ctypes.c_uint64),
        ("request_length", ctypes.c_uint64),
        ("response_address", ctypes.c_uint64),
        ("response_length", ctypes.c_uint64),
    )


def _iowr(magic: int, number: int, size: int) -> int:
    """Return the number of an ioctl that reads and writes `size` bytes (asm-generic/ioctl.h)."""
    return 3 << 30 | size << 16 | magic << 8 | number


NSM_IOCTL_RAW: Final = _iowr(0x0A, 0, ctypes.sizeof(_Message))


class NsmDevice(Protocol):
    """Something that answers one request of the security module."""

    def exchange(self, request: bytes) -> bytes:
        """Return the answer to one encoded request; raise `OSError` if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class NsmFile:
    """The device as the kernel shows it. `ioctl` can be replaced, for tests of the call itself."""

    path: Path = NSM_PATH
    ioctl: Callable[[int, int, Any], int] = field(default=fcntl.ioctl, repr=False)

    def exchange(self, request: bytes) -> bytes:
        """Return the answer to one encoded request.

        Raises `OSError` if the device cannot be opened or refuses, `ValueError` for a request
        longer than it reads.
        """
        if len(request) > NSM_REQUEST_BYTES:
            raise ValueError(f"request is {len(request)} bytes, limit {NSM_REQUEST_BYTES}")
        given = ctypes.create_string_buffer(request, len(request))
        answer = ctypes.create_string_buffer(NSM_RESPONSE_BYTES)
        message = _Message(
            ctypes.addressof(given), len(request), ctypes.addressof(answer), NSM_RESPONSE_BYTES
        )
        descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self.ioctl(descriptor, NSM_IOCTL_RAW, message)
        finally:
            os.close(descriptor)
        if message.response_length > NSM_RESPONSE_BYTES:
            raise OSError(errno.EIO, "NSM says that its answer is longer than its buffer")
        return answer.raw[: message.response_length]


@dataclass(frozen=True, slots=True)
class NsmAttester:
    """An `Attester` inside an enclave. The request's 64 bytes go into the member `nonce`.

    `public_key` and `user_data` are put into every document. Raises `ValueError` for one that the
    module would refuse.
    """

    device: NsmDevice = field(default_factory=NsmFile)
    public_key: bytes | None = field(default=None, repr=False)
    user_data: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.public_key is not None and not (
            0 < len(self.public_key) <= MAX_NITRO_PUBLIC_KEY_BYTES
        ):
            raise ValueError(f"public key is not 1 to {MAX_NITRO_PUBLIC_KEY_BYTES} bytes")
        if self.user_data is not None and len(self.user_data) > MAX_NITRO_USER_BYTES:
            raise ValueError(f"user data is longer than {MAX_NITRO_USER_BYTES} bytes")

    @property
    def tee(self) -> str:
        """The TEE's name, as in evidence."""
        return "nitro"

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return a fresh document over exactly these 64 bytes.

        Raises `OSError` if the device is not there or refuses, with its word for why;
        `EvidenceError` `malformed` or `trailing-data` for an answer that is none; `ValueError` for
        another length of report data.
        """
        if len(report_data) != REPORT_DATA_BYTES:
            raise ValueError(f"report data is {len(report_data)} bytes, expected 64")
        request = attestation_request(
            nonce=report_data, user_data=self.user_data, public_key=self.public_key
        )
        document = attestation_document(self.device.exchange(request))
        return UnverifiedEvidence("nitro", {"document": document})


def attestation_request(
    *, nonce: bytes | None, user_data: bytes | None = None, public_key: bytes | None = None
) -> bytes:
    """Return the encoded request for a document with these members."""
    members = {"user_data": user_data, "nonce": nonce, "public_key": public_key}
    return cbor.encode({"Attestation": members})


def attestation_document(answer: bytes) -> bytes:
    """Return the document in an encoded answer. Nothing in it is looked at.

    Raises `OSError` with the module's own word where it refused, `EvidenceError` for anything that
    is no answer.
    """
    value = cbor.decode(answer, what=_WHAT)
    if not isinstance(value, dict) or len(value) != 1:
        raise EvidenceError(Refusal.MALFORMED, f"{_WHAT} is not a map of one member")
    refusal = value.get("Error")
    if isinstance(refusal, str):
        raise OSError(errno.EIO, f"the NSM refused: {refusal}")
    found = value.get("Attestation")
    document = found.get("document") if isinstance(found, dict) and len(found) == 1 else None
    if not isinstance(document, bytes) or not document:
        raise EvidenceError(Refusal.MALFORMED, f"{_WHAT} has no document")
    return document
