"""What others sign: bundles, cosign's payloads, key statements, and modules with signatures."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sealing.errors import SealError
from sealing.keys import SigningKey
from sealing.signatures.bundle import sign_bundle
from sealing.signatures.cosign import verify_simple
from sealing.signatures.dsse import unverified_payload
from sealing.signatures.key_statement import KeyPeriod, KeyStatement, follow
from sealing.signatures.owner_trust import OwnerTrust
from sealing.signatures.sigstore import (
    COSIGN_SIGN,
    ForeignBundle,
    statement_bytes,
    verify_attestation,
)
from sealing.wasm.signature import verify_module
from tests.fuzz.target import Target
from tests.fuzz.worst_json import texts
from tests.unit.sealing.makers import OWNER, OWNER_ED25519

VECTORS = Path(__file__).parents[2] / "vectors"
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32
KEYS = [OWNER.public, OWNER_ED25519.public]


class _Anything:
    """A key for which every signature holds, so that what is behind one is reached."""

    def __init__(self, key: SigningKey) -> None:
        self.kind, self.key_id, self.spki = key.kind, key.key_id, key.public.spki

    def verify(self, signature: bytes, data: bytes) -> None:
        """Accept."""


def refusing(run: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """Return `run` without the one error that may leave it."""

    def guarded(data: bytes) -> None:
        with contextlib.suppress(SealError):
            run(data)

    return guarded


def _statement(data: bytes) -> object:
    """Fuzz what is behind the signature: any bytes as a statement."""
    bundle = ForeignBundle(OWNER.key_id, data, b"")
    return bundle.unverified_predicate_type


def _attestation(data: bytes) -> object:
    return verify_attestation(data, manifest_digest=DIGEST, keys=KEYS)


def _simple(data: bytes) -> object:
    keys = [_Anything(OWNER)]
    return verify_simple(data, "", manifest_digest=DIGEST, keys=keys)  # type: ignore[arg-type]


def _chain(data: bytes) -> object:
    return follow(KeyPeriod(OWNER.public), [data], now=NOW)


def _trust(data: bytes) -> object:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return OwnerTrust.from_document(value, read=lambda _: OWNER.public.to_pem()).resolve(NOW)


def _attestations() -> list[bytes]:
    statement = statement_bytes(DIGEST, COSIGN_SIGN, {"note": "x"})
    return [sign_bundle(statement, key) for key in (OWNER, OWNER_ED25519)]


def _predicates() -> Iterator[bytes]:
    before, after = statement_bytes(DIGEST, COSIGN_SIGN, {"note": 0}).split(b"0}", 1)
    return texts(before, b"}" + after)


def _payloads() -> list[bytes]:
    critical = {
        "identity": {"docker-reference": "registry.example/a"},
        "image": {"docker-manifest-digest": DIGEST},
        "type": "cosign container image signature",
    }
    return [json.dumps({"critical": critical, "optional": None}).encode()]


def _files(folder: str, pattern: str) -> Callable[[], list[bytes]]:
    return lambda: [path.read_bytes() for path in sorted((VECTORS / folder).glob(pattern))[:24]]


def _statements() -> list[bytes]:
    return [unverified_payload(one, limit_bytes=8192) for one in _files("owner-key", "o*/0.json")()]


def _trusts() -> list[bytes]:
    document = {
        "apiVersion": "sealwasm/v1",
        "kind": "OwnerTrust",
        "threshold": 1,
        "owners": [{"name": "alice", "key": "alice.pub", "not-after": "2027-01-01T00:00:00Z"}],
        "revoked": ["ab" * 32],
    }
    return [json.dumps(document).encode()]


TARGETS = [
    Target("sigstore-bundle", refusing(_attestation), _attestations, texts),
    Target(
        "in-toto-statement",
        refusing(_statement),
        lambda: [statement_bytes(DIGEST, COSIGN_SIGN, {"note": [1, "x"]})],
        _predicates,
    ),
    Target("cosign-payload", refusing(_simple), _payloads),
    Target("key-statement", refusing(KeyStatement.parse), _statements),
    Target("key-chain", refusing(_chain), _files("owner-key", "*/0.json")),
    Target("owner-trust", refusing(_trust), _trusts),
    Target(
        "wasm-signature",
        refusing(lambda data: verify_module(data, keys=KEYS)),
        _files("wasm-signature", "*/module.wasm"),
    ),
]
