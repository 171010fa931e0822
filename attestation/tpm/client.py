"""TPM 2.0 commands that an attesting machine needs.

TPM 2.0 Library Specification part 3; section numbers are at each command. Nothing a TPM answers is
believed here beyond its form: a quote is verified by whoever asked for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from attestation.limits import MAX_NV_BYTES, MAX_PCR_BANKS, MAX_TPM_BYTES
from attestation.tpm import constants as c
from attestation.tpm.codes import TpmError
from attestation.tpm.connection import (
    PASSWORD,
    Command,
    Connection,
    read_nothing,
    session_authorisation,
)
from attestation.tpm.pcr import PcrSelection, read_selections, write_selections
from attestation.tpm.public import TpmPublic, parse_public
from attestation.tpm.signature import TpmSignature, encode_signature
from attestation.tpm.templates import ENDORSEMENT
from attestation.tpm.transport import Transport
from attestation.tpm.wire import Reader, sized, u16, u32

_STARTUP: Final = Command("TPM2_Startup", 0x144)
_GET_CAPABILITY: Final = Command("TPM2_GetCapability", 0x17A)
_CREATE_PRIMARY: Final = Command("TPM2_CreatePrimary", 0x131, returns_handle=True)
_READ_PUBLIC: Final = Command("TPM2_ReadPublic", 0x173)
_NV_READ_PUBLIC: Final = Command("TPM2_NV_ReadPublic", 0x169)
_NV_READ: Final = Command("TPM2_NV_Read", 0x14E)
_START_AUTH_SESSION: Final = Command("TPM2_StartAuthSession", 0x176, returns_handle=True)
_POLICY_SECRET: Final = Command("TPM2_PolicySecret", 0x151)
_ACTIVATE_CREDENTIAL: Final = Command("TPM2_ActivateCredential", 0x147)
_QUOTE: Final = Command("TPM2_Quote", 0x158)
_PCR_READ: Final = Command("TPM2_PCR_Read", 0x17E)
_PCR_EXTEND: Final = Command("TPM2_PCR_Extend", 0x182)
_FLUSH_CONTEXT: Final = Command("TPM2_FlushContext", 0x165)

_CAP_PCRS: Final = 5
_POLICY_SESSION: Final = b"\x01"
_NO_HANDLE: Final = 0x40000007
# A TPM wants 16 bytes or more, and uses them in HMACs, of which there are none here.
_NONCE: Final = bytes(32)
# MAX_NV_BUFFER_SIZE is at least this much on every TPM.
_NV_PIECE: Final = 512


@dataclass(frozen=True, slots=True)
class LoadedKey:
    """A key in the TPM: its handle, and its public area."""

    handle: int
    public: TpmPublic = field(repr=False)


class Tpm:
    """One TPM; a context manager that lets go of it. Every method raises `TpmError`.

    Not to be shared by threads. What is loaded stays loaded until it is flushed or, with the
    kernel's resource manager in between, until the TPM is let go of.
    """

    def __init__(self, transport: Transport) -> None:
        self._connection = Connection(transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def startup(self) -> None:
        """Start a TPM that nobody has started yet (9.3, TPM_SU_CLEAR); kernels do so themselves."""
        self._connection.execute(_STARTUP, read_nothing, parameters=u16(0))

    def pcr_banks(self) -> Mapping[int, tuple[int, ...]]:
        """Return hash algorithm → PCRs of every bank that has any (30.2, TPM_CAP_PCRS)."""
        parameters = u32(_CAP_PCRS) + u32(0) + u32(MAX_PCR_BANKS)

        def read(answer: Reader) -> Mapping[int, tuple[int, ...]]:
            if answer.u8() or answer.u32() != _CAP_PCRS:
                raise answer.fail("not the whole list of PCRs")
            return {one.algorithm: one.indices for one in read_selections(answer) if one.indices}

        return self._connection.execute(_GET_CAPABILITY, read, parameters=parameters)

    def create_primary(self, hierarchy: int, template: bytes) -> LoadedKey:
        """Return the primary key that a hierarchy has for a template (24.1). Flush it after use."""

        def read(answer: Reader) -> LoadedKey:
            key = LoadedKey(answer.u32(), parse_public(answer.sized(MAX_TPM_BYTES)))
            # Creation data, its hash, the ticket over it: nobody asks how a primary key was made.
            answer.sized(MAX_TPM_BYTES)
            answer.sized(MAX_TPM_BYTES)
            answer.u16()
            answer.u32()
            answer.sized(MAX_TPM_BYTES)
            _require_name(answer, key.public)
            return key

        no_secret = sized(sized(b"") * 2)
        return self._connection.execute(
            _CREATE_PRIMARY,
            read,
            handles=[hierarchy],
            authorisations=[PASSWORD],
            parameters=no_secret + sized(template) + sized(b"") + u32(0),
        )

    def read_public(self, handle: int) -> LoadedKey:
        """Return a key that is in the TPM already (12.4)."""

        def read(answer: Reader) -> LoadedKey:
            public = parse_public(answer.sized(MAX_TPM_BYTES))
            _require_name(answer, public)
            # The qualified name.
            answer.sized(MAX_TPM_BYTES)
            return LoadedKey(handle, public)

        return self._connection.execute(_READ_PUBLIC, read, handles=[handle])

    def nv_read(self, index: int) -> bytes:
        """Return all of an NV index that its own, empty password reads (31.6, 31.13)."""
        size = self._nv_size(index)
        content = b""
        while len(content) < size:
            content += self._nv_piece(index, len(content), min(_NV_PIECE, size - len(content)))
        return content

    def _nv_size(self, index: int) -> int:
        def read(answer: Reader) -> int:
            area = Reader(answer.sized(MAX_TPM_BYTES), what="NV public area")
            found, _, _ = area.u32(), area.u16(), area.u32()
            area.sized(MAX_TPM_BYTES)
            size = area.u16()
            area.finish()
            # The name.
            answer.sized(MAX_TPM_BYTES)
            if found != index or size > MAX_NV_BYTES:
                raise answer.fail(f"index {found:#x} of {size} bytes, limit {MAX_NV_BYTES}")
            return size

        return self._connection.execute(_NV_READ_PUBLIC, read, handles=[index])

    def _nv_piece(self, index: int, offset: int, size: int) -> bytes:
        def read(answer: Reader) -> bytes:
            piece = answer.sized(size)
            if len(piece) != size:
                raise answer.fail(f"{len(piece)} bytes, asked for {size}")
            return piece

        return self._connection.execute(
            _NV_READ,
            read,
            handles=[index, index],
            authorisations=[PASSWORD],
            parameters=u16(size) + u16(offset),
        )

    def activate_credential(
        self, ak: LoadedKey, ek: LoadedKey, *, credential: bytes, secret: bytes
    ) -> bytes:
        """Return what a credential holds that was made for this attestation key and this EK.

        `credential` is the content of a TPM2B_ID_OBJECT, `secret` of a TPM2B_ENCRYPTED_SECRET
        (12.5). The policy of the EK is met by the empty password of the endorsement hierarchy.
        """
        session = self._endorsement_session()
        try:
            return self._connection.execute(
                _ACTIVATE_CREDENTIAL,
                lambda answer: answer.sized(MAX_TPM_BYTES),
                handles=[ak.handle, ek.handle],
                authorisations=[PASSWORD, session_authorisation(session)],
                parameters=sized(credential) + sized(secret),
            )
        finally:
            self.flush(session)

    def _endorsement_session(self) -> int:
        """Return a policy session (11.1) that met PolicySecret of the endorsement hierarchy."""

        def read_session(answer: Reader) -> int:
            session = answer.u32()
            answer.sized(MAX_TPM_BYTES)
            return session

        def read_ticket(answer: Reader) -> None:
            answer.sized(MAX_TPM_BYTES)
            answer.u16()
            answer.u32()
            answer.sized(MAX_TPM_BYTES)

        algorithms = u16(c.ALG_NULL) + u16(c.ALG_SHA256)
        session = self._connection.execute(
            _START_AUTH_SESSION,
            read_session,
            handles=[_NO_HANDLE, _NO_HANDLE],
            parameters=sized(_NONCE) + sized(b"") + _POLICY_SESSION + algorithms,
        )
        try:
            # 23.4, with neither nonce nor command nor reference nor expiry.
            self._connection.execute(
                _POLICY_SECRET,
                read_ticket,
                handles=[ENDORSEMENT, session],
                authorisations=[PASSWORD],
                parameters=sized(b"") * 3 + u32(0),
            )
        except TpmError:
            with suppress(TpmError):
                self.flush(session)
            raise
        return session

    def quote(
        self, key: LoadedKey, qualifying: bytes, selections: Sequence[PcrSelection]
    ) -> tuple[bytes, bytes]:
        """Return (TPMS_ATTEST, TPMT_SIGNATURE) over PCRs and `qualifying` (18.4)."""

        def read(answer: Reader) -> tuple[bytes, bytes]:
            attest = answer.sized(MAX_TPM_BYTES)
            scheme, digest = answer.u16(), answer.u16()
            count = 2 if scheme == c.ALG_ECDSA else 1
            values = tuple(answer.sized(MAX_TPM_BYTES) for _ in range(count))
            return attest, encode_signature(TpmSignature(scheme, digest, values))

        return self._connection.execute(
            _QUOTE,
            read,
            handles=[key.handle],
            authorisations=[PASSWORD],
            parameters=sized(qualifying) + u16(c.ALG_NULL) + write_selections(selections),
        )

    def pcr_read(self, selection: PcrSelection) -> Mapping[int, bytes]:
        """Return PCR → value (22.4), asked for again until the TPM gave all of them.

        A PCR may change between two of the reads: the digest in a quote tells.
        """
        found: dict[int, bytes] = {}
        while missing := tuple(one for one in selection.indices if one not in found):
            found |= self._pcr_read_some(PcrSelection(selection.algorithm, missing))
        return found

    def _pcr_read_some(self, selection: PcrSelection) -> Mapping[int, bytes]:
        """Return the values of at least one of the PCRs."""

        def read(answer: Reader) -> Mapping[int, bytes]:
            # The update counter.
            answer.u32()
            selected = read_selections(answer)
            indices = [index for one in selected for index in one.indices]
            if {one.algorithm for one in selected} != {selection.algorithm}:
                raise answer.fail("values are of another bank")
            # None at all would have us ask for ever.
            if not set(indices) <= set(selection.indices) or not 0 < answer.u32() == len(indices):
                raise answer.fail("values are not those of PCRs asked for")
            size = c.HASHES[selection.algorithm].digest_size
            return {index: answer.sized(size) for index in indices}

        return self._connection.execute(_PCR_READ, read, parameters=write_selections([selection]))

    def pcr_extend(self, index: int, digest: bytes) -> None:
        """Extend a PCR of the SHA-256 bank (22.2). Nothing takes that back but a reset."""
        self._connection.execute(
            _PCR_EXTEND,
            read_nothing,
            handles=[index],
            authorisations=[PASSWORD],
            parameters=u32(1) + u16(c.ALG_SHA256) + digest,
        )

    def flush(self, handle: int) -> None:
        """Forget a loaded key or session (28.4)."""
        self._connection.execute(_FLUSH_CONTEXT, read_nothing, parameters=u32(handle))


def _require_name(answer: Reader, public: TpmPublic) -> None:
    if answer.sized(MAX_TPM_BYTES) != public.name:
        raise answer.fail("name is not that of the public area")
