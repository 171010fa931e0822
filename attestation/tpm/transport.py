"""How bytes get to a TPM and back: a character device, or the socket of a TPM in software.

A device of the kernel's resource manager (`/dev/tpmrm0`) forgets what a process loaded when it is
closed. A socket is the data channel of `swtpm socket` (`--server type=unixio` or `type=tcp`), which
must have been started with `--flags not-need-init,startup-clear`; whoever can reach it is the TPM's
owner, so it is for tests and for guests of a hypervisor that emulates a TPM.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Final, Protocol, Self

from attestation.limits import MAX_TPM_BYTES, TPM_SECONDS
from attestation.tpm.codes import TpmError

_HEADER_BYTES: Final = 10


class Transport(Protocol):
    """One TPM. Not to be shared by threads."""

    def transmit(self, command: bytes) -> bytes:
        """Return the answer to one command. Raises `TpmError`."""
        ...

    def close(self) -> None:
        """Let go of the TPM."""
        ...


class DeviceTransport:
    """A character device of the kernel."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise TpmError(f"{path}: {error.strerror}") from error

    def transmit(self, command: bytes) -> bytes:
        """Return the answer to one command. Raises `TpmError`."""
        try:
            os.write(self._descriptor, command)
            # The kernel gives one whole answer to one read that is large enough.
            answer = os.read(self._descriptor, MAX_TPM_BYTES)
        except OSError as error:
            raise TpmError(f"the TPM device failed: {error.strerror}") from error
        if not answer:
            raise TpmError("the TPM device gave no answer")
        return answer

    def close(self) -> None:
        """Close the device."""
        os.close(self._descriptor)


class SocketTransport:
    """The data channel of a TPM in software."""

    def __init__(self, connected: socket.socket) -> None:
        connected.settimeout(TPM_SECONDS)
        self._socket = connected

    @classmethod
    def unix(cls, path: Path) -> Self:
        """Return the transport to a Unix socket. Raises `TpmError`."""
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.connect(str(path))
        except OSError as error:
            made.close()
            raise TpmError(f"{path}: {error.strerror or error}") from error
        return cls(made)

    def transmit(self, command: bytes) -> bytes:
        """Return the answer to one command. Raises `TpmError`."""
        try:
            self._socket.sendall(command)
            header = self._receive(_HEADER_BYTES)
            size = int.from_bytes(header[2:6], "big")
            if not _HEADER_BYTES <= size <= MAX_TPM_BYTES:
                raise TpmError.unreadable(f"it says that it has {size} bytes")
            return header + self._receive(size - _HEADER_BYTES)
        except TimeoutError as error:
            raise TpmError(f"the TPM gave no answer in {TPM_SECONDS} s") from error
        except TpmError:
            raise
        except OSError as error:
            raise TpmError(f"the TPM's socket failed: {error.strerror or error}") from error

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _receive(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            piece = self._socket.recv(size - len(received))
            if not piece:
                raise TpmError("the TPM closed its socket")
            received += piece
        return received


def open_transport(path: Path) -> Transport:
    """Return the transport to what `path` is: a character device or a Unix socket.

    Raises `TpmError` if it is neither or cannot be opened.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise TpmError(f"{path}: {error.strerror}") from error
    if stat.S_ISSOCK(mode):
        return SocketTransport.unix(path)
    if stat.S_ISCHR(mode):
        return DeviceTransport(path)
    raise TpmError(f"{path} is neither a character device nor a socket")
