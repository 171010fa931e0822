"""Vectors of docs/specs/receipt.md: one good receipt per shape, and receipts wrong in one place.

A case is a `receipt.json` beside its `case.json`. Evidence and release are well-formed and not
genuine: whether they are is another reader's business (sections 4.5 to 4.7).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keybroker.protocol import RELEASE_TYPE, Binding
from runner.receipt import PAYLOAD_TYPE, raw_ed25519
from sealing import canonical
from sealing.keys import SigningKey
from sealing.signatures import dsse

MALFORMED = "receipt-malformed"
SIGNATURE = "receipt-signature-invalid"
SUBJECT = "receipt-subject-differs"
RELEASE = "receipt-release-differs"
SIMULATED = "receipt-simulated-differs"
RESULT = "receipt-result-impossible"
TIMES = "receipt-times-impossible"
SEQUENCE = "receipt-sequence-impossible"

INPUTS = ("arguments", "environment", "files", "stdin")

Change = Callable[["Maker"], object]


def fixed_key(seed: str) -> SigningKey:
    """Return the Ed25519 key that belongs to `seed`."""
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return SigningKey.from_pem(pem)


def digest(text: str) -> str:
    """Return the digest of a short text."""
    return canonical.digest_of(text.encode())


class Maker:
    """A receipt in the making. Changes touch the documents before they are signed."""

    def __init__(self) -> None:
        self.key = fixed_key("receipt")
        self.keys = [self.key]
        self.payload_type = PAYLOAD_TYPE
        self.alter_envelope: Callable[[bytes], bytes] = lambda data: data
        self.alter_payload: Callable[[bytes], bytes] = lambda data: data
        self.release_payload: bytes | None = None
        manifest = digest("manifest")
        self.binding: dict[str, Any] = {
            "idempotency_key": "k" * 22,
            "manifest": manifest,
            "nonce": canonical.b64encode(bytes(32)),
            "receipt_key": canonical.b64encode(raw_ed25519(self.key.public)),
            "runner_key": {
                "suite": "x25519-hkdfsha256-aes256gcm",
                "public": canonical.b64encode(bytes(range(32))),
            },
        }
        self.release: dict[str, Any] = {
            "v": 1,
            "decision": "decision-0001",
            "manifest": manifest,
            "module": "example/solver",
            "version": 3,
            "owner": "ab" * 32,
            "policy": {"name": "solver", "version": 1, "digest": digest("policy")},
            "guardrails": [],
            "grant": {"apiVersion": "sealwasm/v1"},
            "lease": {
                "id": "lease-00000001",
                "expires": "2026-11-22T10:15:00Z",
                "renew_after": "2026-11-22T10:10:00Z",
            },
            "result": "e30.e30.AA",
            "leaf": canonical.b64encode(b"{}"),
            "request": Binding.model_validate(self.binding).digest(),
            "simulated": True,
        }
        self.told: dict[str, Any] = {
            "binding": self.binding,
            "evidence": {"tee": "snp", "report": canonical.b64encode(b"report")},
            "proof": None,
        }
        self.predicate: dict[str, Any] = {
            "v": 1,
            "releases": [self.told],
            "engine": {"name": "wasmtime", "version": "50.0.1", "profile": digest("profile")},
            "grant": digest("grant"),
            "guardrails": [],
            "lockdown": {"held": {"seccomp": "allow-list"}, "missing": {"landlock": "ENOSYS"}},
            "result": {"ending": "exit", "exit_code": 10},
            "usage": {"fuel": 123456, "wall-milliseconds": 7},
            "inputs": {name: digest(name) for name in INPUTS},
            "outputs": {
                "stdout": {"digest": digest("sat\n"), "size": 4},
                "stderr": {"digest": digest(""), "size": 0},
                "files": digest("{}"),
            },
            "denials": [],
            "deterministic": False,
            "started": "2026-11-22T10:00:01Z",
            "finished": "2026-11-22T10:00:02Z",
            "sequence": 1,
            "previous": None,
            "simulated": True,
        }
        self.statement: dict[str, Any] = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [
                {"name": "example/solver", "digest": {"sha256": manifest.removeprefix("sha256:")}}
            ],
            "predicateType": "urn:sealwasm:execution:v1",
            "predicate": self.predicate,
        }

    def receipt(self) -> bytes:
        """Return the receipt as it is now, signed."""
        payload = self.release_payload or canonical.encode(self.release)
        if "release" not in self.told:
            signed = dsse.sign(RELEASE_TYPE, payload, [fixed_key("broker")])
            self.told["release"] = signed.decode()
        data = self.alter_payload(canonical.encode(self.statement))
        return self.alter_envelope(dsse.sign(self.payload_type, data, self.keys))


def _of_three(index: int, **changes: Any) -> dict[str, Any]:
    return {"set": "5e" * 16, "index": index, "threshold": 2, "of": 3} | changes


def _shares(*shares: dict[str, Any] | None, **second: Any) -> Change:
    """A release for each of `shares`, by other brokers; `second` changes the second document."""

    def change(maker: Maker) -> None:
        told = []
        for number, share in enumerate(shares):
            binding = maker.binding | {"nonce": canonical.b64encode(bytes([number]) * 32)}
            binding |= second.get("binding", {}) if number else {}
            request = Binding.model_validate(binding).digest()
            document = maker.release | {"request": request, "decision": f"decision-000{number + 1}"}
            document |= {} if share is None else {"share": share}
            document |= second.get("release", {}) if number else {}
            signed = dsse.sign(
                RELEASE_TYPE, canonical.encode(document), [fixed_key(f"broker {number}")]
            )
            told.append(maker.told | {"binding": binding, "release": signed.decode()})
        maker.predicate["releases"] = told

    return change


_TWO = (_of_three(1), _of_three(3))
_LATE = {
    "id": "lease-00000002",
    "expires": "2026-11-22T10:00:01Z",
    "renew_after": "2026-11-22T10:00:01Z",
}


def _set(where: str, **members: Any) -> Change:
    return lambda maker: getattr(maker, where).update(members)


def _drop(where: str, name: str) -> Change:
    return lambda maker: getattr(maker, where).pop(name)


def _payload(alter: Callable[[bytes], bytes]) -> Change:
    return lambda maker: setattr(maker, "alter_payload", alter)


def _envelope(alter: Callable[[bytes], bytes]) -> Change:
    return lambda maker: setattr(maker, "alter_envelope", alter)


def _field(**changes: Any) -> Change:
    """Change members of the envelope after signing."""
    return _envelope(lambda data: canonical.encode({**json.loads(data), **changes}))


def _signers(*seeds: str) -> Change:
    return lambda maker: setattr(maker, "keys", [fixed_key(seed) for seed in seeds])


def _new_binding(maker: Maker) -> None:
    """The binding is another one than the release answers."""
    maker.binding["nonce"] = canonical.b64encode(b"\x01" * 32)


def _keyid(data: bytes) -> bytes:
    envelope = json.loads(data)
    envelope["signatures"][0]["keyid"] = "00" * 32
    return canonical.encode(envelope)


def _signature_bit(data: bytes) -> bytes:
    envelope = json.loads(data)
    signature = bytearray(canonical.b64decode(envelope["signatures"][0]["sig"], what="sig"))
    signature[40] ^= 1
    envelope["signatures"][0]["sig"] = canonical.b64encode(signature)
    return canonical.encode(envelope)


def _payload_bit(data: bytes) -> bytes:
    envelope = json.loads(data)
    payload = canonical.b64decode(envelope["payload"], what="payload")
    envelope["payload"] = canonical.b64encode(payload.replace(b'"fuel":123456', b'"fuel":123457'))
    return canonical.encode(envelope)


def _subject(**members: Any) -> Change:
    return lambda maker: maker.statement["subject"][0].update(members)


_OTHER_DIGEST = {"sha256": "00" * 32}

ACCEPTED: list[tuple[str, str, Change]] = [
    ("exit", "3", lambda maker: None),
    ("trap", "4.4.1", _set("predicate", result={"ending": "trap", "exit_code": None})),
    ("lease-expired", "3", _set("predicate", result={"ending": "lease-expired", "exit_code": None},
                                usage={})),
    ("with-a-proof", "3", _set("told", proof="c2sp.org/tlog-proof@v1\n")),
    ("two-shares-of-three", "4.3.4", _shares(*_TWO)),
    ("sixteen-shares", "4.3.4",
     _shares(*(_of_three(n, threshold=16, of=16) for n in range(1, 17)))),
    ("second-of-its-key", "4.4.3", _set("predicate", sequence=2, previous=digest("first"))),
    ("last-second-of-the-lease", "4.4.2", _set("predicate", started="2026-11-22T10:14:59Z",
                                               finished="2026-11-22T10:20:00Z")),
]  # fmt: skip

REFUSED: list[tuple[str, str, str, Change]] = [
    ("empty", "1.1", MALFORMED, _envelope(lambda _: b"")),
    ("not-json", "1.1", MALFORMED, _envelope(lambda data: data[:-1])),
    ("trailing-byte", "1.1", MALFORMED, _envelope(lambda data: data + b"\n")),
    ("not-canonical", "1.1", MALFORMED, _envelope(lambda data: data.replace(b'","', b'", "', 1))),
    ("envelope-unknown-member", "1.1", MALFORMED, _field(more=1)),
    ("payload-not-base64", "1.1", MALFORMED, _field(payload="*")),
    ("payload-type", "1.1", SIGNATURE, lambda maker: setattr(maker, "payload_type", "text/plain")),
    ("payload-type-changed-after", "1.1", SIGNATURE, _field(payloadType="text/plain")),
    ("no-signature", "1.2", SIGNATURE, _field(signatures=[])),
    ("signed-by-a-stranger", "1.2", SIGNATURE, _signers("stranger")),
    ("signed-by-a-second-key", "1.2", SIGNATURE, _signers("receipt", "stranger")),
    ("key-id-of-nobody", "1.2", SIGNATURE, _envelope(_keyid)),
    ("signature-bit-flipped", "1.2", SIGNATURE, _envelope(_signature_bit)),
    ("payload-changed-after", "4.2", SIGNATURE, _envelope(_payload_bit)),
    ("statement-not-canonical", "2.1", MALFORMED, _payload(lambda data: data + b" ")),
    ("statement-is-a-list", "2.1", MALFORMED, _payload(lambda data: b"[" + data + b"]")),
    ("statement-type", "2.1", MALFORMED, _set("statement", _type="https://in-toto.io/Statement/v0.1")),
    ("statement-without-type", "2.1", MALFORMED, _drop("statement", "_type")),
    ("statement-unknown-member", "2.1", MALFORMED, _set("statement", more=1)),
    ("subject-empty", "2.2", MALFORMED, _set("statement", subject=[])),
    ("subject-second-digest", "2.2", MALFORMED,
     _subject(digest={"sha256": "00" * 32, "sha1": "00" * 20})),
    ("subject-other-digest", "4.3.1", SUBJECT, _subject(digest=_OTHER_DIGEST)),
    ("subject-other-name", "4.3.2", RELEASE, _subject(name="example/other")),
    ("predicate-type", "2.3", MALFORMED,
     _set("statement", predicateType="urn:sealwasm:execution:v2")),
    ("predicate-version", "3", MALFORMED, _set("predicate", v=2)),
    ("predicate-version-is-true", "3", MALFORMED, _set("predicate", v=True)),
    ("predicate-unknown-member", "3", MALFORMED, _set("predicate", more=1)),
    ("proof-missing", "3", MALFORMED, _drop("told", "proof")),
    ("binding-unknown-member", "3", MALFORMED, _set("binding", more=1)),
    ("receipt-key-short", "3", MALFORMED,
     _set("binding", receipt_key=canonical.b64encode(bytes(31)))),
    ("evidence-of-an-unknown-tee", "3", MALFORMED, _set("told", evidence={"tee": "abacus"})),
    ("evidence-without-report", "3", MALFORMED, _set("told", evidence={"tee": "snp"})),
    ("engine-without-profile", "3", MALFORMED,
     _set("predicate", engine={"name": "wasmtime", "version": "50.0.1"})),
    ("ending-unknown", "3", MALFORMED,
     _set("predicate", result={"ending": "bored", "exit_code": None})),
    ("usage-negative", "3", MALFORMED, _set("predicate", usage={"fuel": -1})),
    ("time-with-fraction", "3", MALFORMED, _set("predicate", started="2026-11-22T10:00:01.5Z")),
    ("time-with-offset", "3", MALFORMED, _set("predicate", started="2026-11-22T11:00:01+01:00")),
    ("release-not-json", "3", MALFORMED, _set("told", release="{]")),
    ("release-payload-unknown", "3", MALFORMED,
     lambda maker: setattr(maker, "release_payload", b'{"v":1}')),
    ("release-for-another-manifest", "4.3.2", RELEASE, _set("release", manifest=digest("other"))),
    ("release-for-another-request", "4.3.2", RELEASE, _set("release", request=digest("other"))),
    ("release-for-another-module", "4.3.2", RELEASE, _set("release", module="example/other")),
    ("binding-changed", "4.3.2", RELEASE, _new_binding),
    ("no-release", "3", MALFORMED, _set("predicate", releases=[])),
    ("releases-seventeen", "3", MALFORMED,
     _shares(*(_of_three(1, threshold=16, of=16) for _ in range(17)))),
    ("share-is-null", "3", MALFORMED, _set("release", share=None)),
    ("share-of-one", "3", MALFORMED, _set("release", share=_of_three(1, threshold=1))),
    ("share-without-set", "3", MALFORMED,
     _set("release", share={"index": 1, "threshold": 2, "of": 3})),
    ("release-unknown-member", "3", MALFORMED, _set("told", more=1)),
    ("one-share-of-two", "4.3.4", RELEASE, _shares(_of_three(1))),
    ("three-shares-of-two", "4.3.4", RELEASE, _shares(*_TWO, _of_three(2))),
    ("two-whole-keys", "4.3.4", RELEASE, _shares(None, None)),
    ("share-beside-a-whole-key", "4.3.4", RELEASE, _shares(_of_three(1), None)),
    ("one-share-twice", "4.3.4", RELEASE, _shares(_of_three(1), _of_three(1))),
    ("shares-of-two-splits", "4.3.4", RELEASE, _shares(_of_three(1), _of_three(3, set="00" * 16))),
    ("shares-of-two-thresholds", "4.3.4", RELEASE, _shares(_of_three(1), _of_three(3, of=4))),
    ("second-release-to-another-worker", "4.3.3", RELEASE,
     _shares(*_TWO, binding={"runner_key": {"suite": "x25519-hkdfsha256-aes256gcm",
                                            "public": canonical.b64encode(bytes(32))}})),
    ("second-release-to-another-receipt-key", "4.3.3", RELEASE,
     _shares(*_TWO, binding={"receipt_key": canonical.b64encode(bytes(32))})),
    ("second-release-of-another-version", "4.3.3", RELEASE, _shares(*_TWO, release={"version": 4})),
    ("second-release-of-another-owner", "4.3.3", RELEASE,
     _shares(*_TWO, release={"owner": "cd" * 32})),
    ("second-release-of-another-manifest", "4.3.1", SUBJECT,
     _shares(*_TWO, binding={"manifest": digest("other")})),
    ("second-release-of-another-module", "4.3.2", RELEASE,
     _shares(*_TWO, release={"module": "example/other"})),
    ("second-release-for-another-request", "4.3.2", RELEASE,
     _shares(*_TWO, release={"request": digest("other")})),
    ("second-lease-ended", "4.4.2", TIMES, _shares(*_TWO, release={"lease": _LATE})),
    ("second-release-not-simulated", "4.3.5", SIMULATED,
     _shares(*_TWO, release={"simulated": False})),
    ("simulated-denied", "4.3.5", SIMULATED, _set("predicate", simulated=False)),
    ("simulated-claimed", "4.3.5", SIMULATED, _set("release", simulated=False)),
    ("exit-without-code", "4.4.1", RESULT,
     _set("predicate", result={"ending": "exit", "exit_code": None})),
    ("trap-with-code", "4.4.1", RESULT,
     _set("predicate", result={"ending": "trap", "exit_code": 0})),
    ("finished-before-started", "4.4.2", TIMES, _set("predicate", finished="2026-11-22T10:00:00Z")),
    ("started-at-the-end-of-the-lease", "4.4.2", TIMES,
     _set("predicate", started="2026-11-22T10:15:00Z", finished="2026-11-22T10:15:00Z")),
    ("first-with-previous", "4.4.3", SEQUENCE, _set("predicate", previous=digest("first"))),
    ("second-without-previous", "4.4.3", SEQUENCE, _set("predicate", sequence=2)),
    ("sequence-zero", "3", MALFORMED, _set("predicate", sequence=0)),
]  # fmt: skip


def generate(root: Path) -> None:
    """Write every case below `root`/receipt."""
    folder = root / "receipt"
    shutil.rmtree(folder, ignore_errors=True)
    for name, step, change in ACCEPTED:
        _write(folder / name, step, "accepted", change)
    for name, step, code, change in REFUSED:
        _write(folder / f"{name}_refused", step, code, change)


def _write(folder: Path, step: str, expect: str, change: Change) -> None:
    maker = Maker()
    change(maker)
    folder.mkdir(parents=True)
    (folder / "receipt.json").write_bytes(maker.receipt())
    what = folder.name.removesuffix("_refused").replace("-", " ")
    case = {"expect": expect, "stage": "read", "why": f"docs/specs/receipt.md step {step}: {what}"}
    text = json.dumps(case, indent=1, sort_keys=True)
    (folder / "case.json").write_text(text + "\n", encoding="utf-8")
