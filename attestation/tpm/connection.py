"""One command to a TPM and its answer: headers, authorisations, response codes.

TPM 2.0 Library Specification part 1, section 18. Authorisations are empty passwords, as a Linux
machine leaves its hierarchies, and policy sessions without an HMAC.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from attestation.errors import EvidenceError
from attestation.limits import MAX_TPM_BYTES, MAX_TPM_NAME_BYTES
from attestation.tpm.codes import TpmError
from attestation.tpm.transport import Transport
from attestation.tpm.wire import Reader, sized, u16, u32

_NO_SESSIONS: Final = 0x8001
_SESSIONS: Final = 0x8002
_HEADER_BYTES: Final = 10
_CONTINUE_SESSION: Final = b"\x01"
# TPM_RS_PW with an empty password.
PASSWORD: Final = u32(0x40000009) + sized(b"") + b"\x00" + sized(b"")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of part 3. `returns_handle`: its answer starts with a handle."""

    name: str
    code: int
    returns_handle: bool = False


def session_authorisation(session: int) -> bytes:
    """Return the authorisation by a policy session, which stays usable."""
    return u32(session) + sized(b"") + _CONTINUE_SESSION + sized(b"")


def read_nothing(_reader: Reader) -> None:
    """Read an answer without parameters."""


class Connection:
    """Commands over a transport. Every method raises `TpmError`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def close(self) -> None:
        """Let go of the transport."""
        self._transport.close()

    def execute(
        self,
        command: Command,
        read: Callable[[Reader], Result],
        *,
        handles: Sequence[int] = (),
        authorisations: Sequence[bytes] = (),
        parameters: bytes = b"",
    ) -> Result:
        """Return what `read` makes of the answer: the handle, if there is one, then parameters.

        Every byte of them has to be read. Raises `TpmError`: the TPM refused, or its answer is not
        in the form of this command.
        """
        body = b"".join(map(u32, handles))
        if authorisations:
            area = b"".join(authorisations)
            body += u32(len(area)) + area
        body += parameters
        tag = _SESSIONS if authorisations else _NO_SESSIONS
        sent = u16(tag) + u32(_HEADER_BYTES + len(body)) + u32(command.code) + body
        answer = self._transport.transmit(sent)
        try:
            reader = _results(command, answer, sessions=len(authorisations))
            result = read(reader)
            reader.finish()
        except EvidenceError as error:
            raise TpmError.unreadable(error.detail) from error
        return result


def _results(command: Command, answer: bytes, *, sessions: int) -> Reader:
    """Return the handle and parameters of an answer; the sessions have no HMAC to check."""
    head = Reader(answer, what=command.name)
    found, size, code = head.u16(), head.u32(), head.u32()
    if size != len(answer) or size > MAX_TPM_BYTES:
        raise head.fail(f"it says that it has {size} bytes, {len(answer)} came")
    if code:
        raise TpmError.refused(command.name, code)
    if found != (_SESSIONS if sessions else _NO_SESSIONS):
        raise head.fail(f"tag is {found:#06x}")
    handle = head.take(4) if command.returns_handle else b""
    parameters = head.take(head.u32() if sessions else len(answer) - head.offset)
    for _ in range(sessions):
        # Nonce, attributes, HMAC.
        head.sized(MAX_TPM_NAME_BYTES)
        head.u8()
        head.sized(MAX_TPM_NAME_BYTES)
    head.finish()
    return Reader(handle + parameters, what=command.name)
