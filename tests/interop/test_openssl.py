"""OpenSSL's command verifies what owners, brokers and simulated chips signed, and signs for us."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attestation.simulated.snp.guest import SimulatedGuest
from attestation.simulated.snp.silicon import Silicon
from attestation.x509.pem import encode_pem
from keybroker import protocol
from sealing.errors import SealError, SealRefusal
from sealing.keys import ED25519, P256, SigningKey, VerifyingKey
from sealing.signatures import dsse
from sealing.signatures.statement import verify_bundle
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA, make_silicon
from tests.fakes.world import World, make_world

PRODUCTS = ("milan", "genoa", "turin")
AT = ("-attime", str(int(NOW.timestamp())))
SIGNED_REPORT_BYTES = 0x2A0
KIND = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class Openssl:
    """The command, and a folder for the files it reads."""

    path: str
    folder: Path

    def file(self, name: str, data: bytes) -> Path:
        (self.folder / name).write_bytes(data)
        return self.folder / name

    def run(self, *arguments: object) -> tuple[bool, str]:
        """Whether it agreed, and what it said."""
        command = [self.path, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        return done.returncode == 0, (done.stdout + done.stderr).decode("utf-8", "replace")

    def makes(self, name: str, *arguments: object) -> bytes:
        """What it writes to a file."""
        command, *options = arguments
        agreed, said = self.run(command, "-out", self.folder / name, *options)
        assert agreed, said
        return (self.folder / name).read_bytes()

    def verifies(self, key: VerifyingKey, signature: bytes, message: bytes) -> bool:
        pem = self.file("key.pem", key.to_pem())
        signed, data = self.file("signature", signature), self.file("message", message)
        if key.kind == P256:
            return self.run("dgst", "-sha256", "-verify", pem, "-signature", signed, data)[0]
        raw = ("-pubin", "-inkey", pem, "-rawin", "-in", data, "-sigfile", signed)
        return self.run("pkeyutl", "-verify", *raw)[0]


@pytest.fixture
def openssl(tmp_path: Path) -> Openssl:
    path = shutil.which("openssl")
    if path is None:
        pytest.skip("needs the openssl command, version 3 or newer")
    return Openssl(path, tmp_path)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with make_world(tmp_path_factory.mktemp("world")) as made:
        yield made


def pae(kind: str, payload: bytes) -> bytes:
    """What a DSSE signature is over, as its specification writes it."""
    return b" ".join(
        [b"DSSEv1", str(len(kind)).encode(), kind.encode(), str(len(payload)).encode(), payload]
    )


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def parts_of(envelope: dict[str, Any]) -> tuple[bytes, bytes]:
    """Message and signature of an envelope with one signature."""
    (signature,) = envelope["signatures"]
    payload = base64.b64decode(envelope["payload"])
    return pae(envelope["payloadType"], payload), base64.b64decode(signature["sig"])


def require_verified(openssl: Openssl, key: VerifyingKey, message: bytes, signature: bytes) -> None:
    assert openssl.verifies(key, signature, message)
    assert not openssl.verifies(key, signature, flipped(message, 8 * (len(message) // 2)))
    assert not openssl.verifies(key, flipped(signature, 8 * 40), message)
    assert not openssl.verifies(SigningKey.generate(key.kind).public, signature, message)


@pytest.mark.parametrize("kind", [P256, ED25519])
def test_owner_signed_the_module(openssl: Openssl, world: World, kind: str) -> None:
    owner = SigningKey.generate(kind)
    bundle = json.loads(world.seal(owner=owner).bundle)
    message, signature = parts_of(bundle["dsseEnvelope"])
    require_verified(openssl, owner.public, message, signature)


def test_broker_signed_what_it_sent(openssl: Openssl, world: World) -> None:
    runner = world.runner()
    answer = json.loads(world.release(runner.request(world.challenge())))
    identity = world.broker.releases.keys.identity.public
    for envelope in (world.broker.descriptor, answer["release"]):
        require_verified(openssl, identity, *parts_of(json.loads(envelope)))


def test_broker_says_its_key_as_openssl_does(openssl: Openssl, world: World) -> None:
    descriptor = protocol.verify_descriptor(world.broker.descriptor, identity=world.identity)
    spki = openssl.file("spki.der", descriptor.identity)
    pem = openssl.makes("identity.pem", "pkey", "-pubin", "-inform", "DER", "-in", spki)
    assert VerifyingKey.from_pem(pem).key_id == world.identity
    _, said = openssl.run("dgst", "-sha256", "-r", spki)
    assert said.split()[0] == world.identity


NEW_KEYS: dict[str, tuple[str, ...]] = {
    P256: ("EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    ED25519: ("ED25519",),
}


@pytest.mark.parametrize("kind", NEW_KEYS)
def test_owners_key_may_be_made_by_openssl(openssl: Openssl, world: World, kind: str) -> None:
    pem = openssl.makes("new.pem", "genpkey", "-algorithm", *NEW_KEYS[kind])
    owner = SigningKey.from_pem(pem)
    assert owner.kind == kind
    locked = openssl.file("locked.pem", owner.to_pem(b"a passphrase"))
    opened = openssl.makes("open.pem", "pkey", "-in", locked, "-passin", "pass:a passphrase")
    assert SigningKey.from_pem(opened).key_id == owner.key_id

    module = world.seal(owner=owner)
    verify_bundle(module.bundle, manifest_digest=module.manifest_digest, keys=[owner.public])
    public = openssl.makes("public.pem", "pkey", "-in", openssl.folder / "new.pem", "-pubout")
    assert public == owner.public.to_pem()


@pytest.mark.parametrize("kind", NEW_KEYS)
def test_openssl_signs_for_us(openssl: Openssl, kind: str) -> None:
    payload = b'{"a":1}'
    pem = openssl.makes("new.pem", "genpkey", "-algorithm", *NEW_KEYS[kind])
    message = openssl.file("message", pae(KIND, payload))
    key = openssl.folder / "new.pem"
    if kind == P256:
        signature = openssl.makes("sig", "dgst", "-sha256", "-sign", key, message)
    else:
        raw = ("-rawin", "-inkey", key, "-in", message)
        signature = openssl.makes("sig", "pkeyutl", "-sign", *raw)
    public = SigningKey.from_pem(pem).public
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": KIND,
        "signatures": [{"keyid": public.key_id, "sig": base64.b64encode(signature).decode()}],
    }
    written = json.dumps(envelope, sort_keys=True, separators=(",", ":")).encode()
    assert dsse.verify(written, payload_type=KIND, keys=[public]) == payload


@pytest.mark.parametrize("curve", ["P-384", "secp256k1"])
def test_other_keys_of_openssl_are_refused(openssl: Openssl, curve: str) -> None:
    curve_option = f"ec_paramgen_curve:{curve}"
    pem = openssl.makes("new.pem", "genpkey", "-algorithm", "EC", "-pkeyopt", curve_option)
    with pytest.raises(SealError) as caught:
        SigningKey.from_pem(pem)
    assert caught.value.code is SealRefusal.KEY_INVALID


@dataclass(frozen=True)
class Vendor:
    """A simulated vendor's files, for OpenSSL to verify."""

    openssl: Openssl
    silicon: Silicon

    def certificate(self, name: str, der: bytes) -> Path:
        return self.openssl.file(f"{name}.pem", encode_pem("CERTIFICATE", der))

    @property
    def root(self) -> Path:
        return self.certificate("root", self.silicon.root())

    def vek(self, kind: str) -> bytes:
        return self.silicon.vek(kind, self.silicon.identity.model.tcb).certificate

    def verifies(
        self, kind: str, *options: object, root: Path | None = None, middle: bytes | None = None
    ) -> tuple[bool, str]:
        """What OpenSSL says to a chip's certificate under its chain."""
        between = middle or self.silicon.intermediate(kind)
        chain = ("-CAfile", root or self.root, "-untrusted", self.certificate("between", between))
        vek = self.certificate("vek", self.vek(kind))
        return self.openssl.run("verify", *AT, *options, *chain, vek)


@pytest.fixture(params=PRODUCTS)
def vendor(openssl: Openssl, request: pytest.FixtureRequest) -> Vendor:
    return Vendor(openssl, make_silicon(request.param))


@pytest.mark.parametrize("kind", ["vcek", "vlek"])
def test_chain_holds(vendor: Vendor, kind: str) -> None:
    assert vendor.verifies(kind)[0]
    stranger = make_silicon(vendor.silicon.identity.model.product.name, is_stranger=True)
    agreed, said = vendor.verifies(kind, root=vendor.certificate("stranger", stranger.root()))
    assert (agreed, "unable to get local issuer certificate" in said) == (False, True)
    agreed, said = vendor.verifies(kind, middle=vendor.silicon.expired_intermediate(kind))
    assert (agreed, "certificate has expired" in said) == (False, True)


def test_chain_is_signed_with_pss(vendor: Vendor) -> None:
    agreed, said = vendor.openssl.run("x509", "-in", vendor.root, "-noout", "-text")
    assert agreed
    assert "Signature Algorithm: rsassaPss" in said
    assert ("Salt Length: 0x30" in said, "mgf1 with sha384" in said) == (True, True)
    broken = flipped(vendor.silicon.intermediate("vcek"), -1)
    agreed, said = vendor.verifies("vcek", middle=broken)
    assert (agreed, "certificate signature failure" in said) == (False, True)


REVOCATIONS: dict[str, tuple[Callable[[Silicon], bytes], bool]] = {
    "nothing": (lambda silicon: silicon.crl(), True),
    "ask": (lambda silicon: silicon.crl(revoked=("ask",)), False),
    "ask, on hold": (lambda silicon: silicon.crl(revoked=("ask",), on_hold=True), False),
    "asvk": (lambda silicon: silicon.crl(revoked=("asvk",)), True),
}


@pytest.mark.parametrize("name", REVOCATIONS)
def test_revocation_list_is_read(vendor: Vendor, name: str) -> None:
    make, good = REVOCATIONS[name]
    der = make(vendor.silicon)
    openssl = vendor.openssl
    read = ("crl", "-inform", "DER", "-in", openssl.file("crl.der", der), "-noout")
    agreed, said = openssl.run(*read, "-CAfile", vendor.root, "-verify", "-text")
    assert (agreed, "verify OK" in said, "CRL Number" in said) == (True, True, True)
    assert ("Serial Number" in said) == (name != "nothing")
    assert ("Certificate Hold" in said) == ("hold" in name)

    lists = ("-crl_check", "-CRLfile", openssl.file("crl.pem", encode_pem("X509 CRL", der)))
    ask = vendor.certificate("ask", vendor.silicon.intermediate("vcek"))
    agreed, said = openssl.run("verify", *AT, *lists, "-CAfile", vendor.root, ask)
    assert (agreed, "certificate revoked" in said) == (good, not good), said


def test_revocation_list_of_a_stranger_does_not_verify(vendor: Vendor) -> None:
    openssl = vendor.openssl
    damaged = openssl.file("crl.der", flipped(vendor.silicon.crl(), -1))
    _, said = openssl.run(
        "crl", "-inform", "DER", "-in", damaged, "-noout", "-CAfile", vendor.root, "-verify"
    )
    assert "verify OK" not in said


@pytest.mark.parametrize("kind", ["vcek", "vlek"])
def test_report_is_signed_by_the_chip(vendor: Vendor, kind: str) -> None:
    guest = SimulatedGuest(vendor.silicon, lambda: vendor.silicon, MEASUREMENT, signing_key=kind)
    report = guest.attest(REPORT_DATA).parts["report"]
    body, rest = report[:SIGNED_REPORT_BYTES], report[SIGNED_REPORT_BYTES:]
    r, s = (int.from_bytes(rest[start : start + 72], "little") for start in (0, 72))
    openssl = vendor.openssl
    vek = vendor.certificate("vek", vendor.vek(kind))
    openssl.makes("key.pem", "x509", "-in", vek, "-noout", "-pubkey")
    key, signature = openssl.folder / "key.pem", encode_dss_signature(r, s)
    signed = openssl.file("signature", signature)
    verify = ("dgst", "-sha384", "-verify", key, "-signature", signed)
    assert openssl.run(*verify, openssl.file("report", body))[0]
    assert not openssl.run(*verify, openssl.file("report", flipped(body, 8 * 0x50)))[0]
