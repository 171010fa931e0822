"""AWS KMS on loopback: moto, taught what it does not know, that a digest is not hashed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey
from moto.server import ThreadedMotoServer

_answer_sign = KmsResponse.sign


def _sign(self: KmsResponse) -> str:
    if self._get_param("MessageType") != "DIGEST":
        raise ValueError("only digests are signed here")
    return _answer_sign(self)


def _sign_digest(self: ECDSAPrivateKey, message: bytes, _algorithm: str) -> bytes:
    return self.private_key.sign(message, ec.ECDSA(Prehashed(SHA256())))


@contextmanager
def running_kms() -> Iterator[str]:
    """Serve until the end of the `with`; yields the address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with (
        patch.object(KmsResponse, "sign", _sign),
        patch.object(ECDSAPrivateKey, "sign", _sign_digest),
    ):
        server.start()
        host, port = server.get_host_and_port()
        try:
            yield f"http://{host}:{port}"
        finally:
            server.stop()
