"""One transfer in a process of its own; prints by how many bytes it grew at its largest.

python -m tests.integration.registry_memory {pull,push,lie} PORT SIZE DIGEST
"""

from __future__ import annotations

import hashlib
import ssl
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sealing.errors import SealError
from sealing.limits import MODULE_BYTES
from sealing.oci.blob import Blob
from sealing.oci.reference import RegistryReference
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.settings import RegistrySettings

CHUNK = 1 << 20


def chunks(size: int) -> Iterator[bytes]:
    """Give bytes that are made when they are needed, the same ones every time."""
    for number in range(size // CHUNK):
        yield hashlib.sha256(str(number).encode()).digest() * (CHUNK // 32)


def digest(size: int) -> str:
    whole = hashlib.sha256()
    for chunk in chunks(size):
        whole.update(chunk)
    return f"sha256:{whole.hexdigest()}"


def peak() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def transfer(client: RegistryClient, what: str, size: int, name: str) -> None:
    if what == "push":
        client.put_blob(Blob(name, size, lambda: chunks(size)))
    elif what == "pull":
        client.get_blob(name, size)
    else:
        with suppress(SealError):
            client.get_blob(name, MODULE_BYTES)


def main(what: str, port: str, size: str, name: str) -> None:
    reference = RegistryReference(registry=f"127.0.0.1:{port}", repository="acme/scoring")
    settings = RegistrySettings(tls=ssl.create_default_context(), retry_seconds=())
    with RegistryClient(reference, settings=settings) as client:
        # Everything that is imported on the way is there, and the allocator has its arenas.
        client.put_blob(Blob.of(b"x"))
        client.get_blob(Blob.of(b"x").digest, 1)
        before = peak()
        transfer(client, what, int(size), name)
    print(peak() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
