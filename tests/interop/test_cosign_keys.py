"""Key files, both ways: cosign signs with ours, we sign with cosign's; OpenSSL reads our PEM."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealing.keys import SigningKey, VerifyingKey
from sealing.signers.cosign_key import read_cosign_key, write_cosign_key
from tests.interop.tools import tool

pytestmark = pytest.mark.interop
PASSPHRASE = b"correct horse"
OFFLINE = ("--use-signing-config=false", "--tlog-upload=false", "--yes")
NO_LOG = ("--insecure-ignore-tlog=true", "--private-infrastructure=true")


@dataclass(frozen=True)
class Cosign:
    """cosign with a home of its own, a passphrase and no network."""

    path: str
    folder: Path

    def run(self, *arguments: str) -> bool:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "COSIGN_PASSWORD": PASSPHRASE.decode(),
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }
        done = subprocess.run(
            [self.path, *arguments], env=environment, cwd=self.folder, capture_output=True,
            check=False, timeout=120,
        )  # fmt: skip
        return done.returncode == 0


@pytest.fixture
def cosign(tmp_path: Path) -> Cosign:
    (tmp_path / "blob").write_bytes(b"what is signed")
    return Cosign(tool("cosign"), tmp_path)


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_cosign_signs_with_our_file(cosign: Cosign, kind: str) -> None:
    key = SigningKey.generate(kind)
    (cosign.folder / "ours.key").write_bytes(write_cosign_key(key, PASSPHRASE))
    (cosign.folder / "ours.pub").write_bytes(key.public.to_pem())
    made = ("--bundle", "b.json", "blob")
    assert cosign.run("sign-blob", "--key", "ours.key", *OFFLINE, *made)
    if kind == "p256":  # cosign 3.1 does not verify the Ed25519 blob bundles that it writes.
        assert cosign.run("verify-blob", "--key", "ours.pub", *NO_LOG, *made)
    bundle = json.loads((cosign.folder / "b.json").read_bytes())
    signature = base64.b64decode(bundle["messageSignature"]["signature"])
    key.public.verify(signature, b"what is signed")


def test_we_sign_with_a_file_of_cosign(cosign: Cosign) -> None:
    assert cosign.run("generate-key-pair", "--output-key-prefix", "theirs")
    key = read_cosign_key((cosign.folder / "theirs.key").read_bytes(), PASSPHRASE)
    public = (cosign.folder / "theirs.pub").read_bytes()
    assert VerifyingKey.from_pem(public) == key.public
    signature = base64.b64encode(key.sign(b"what is signed"))
    (cosign.folder / "signature").write_bytes(signature)
    verify = ("verify-blob", "--key", "theirs.pub", *NO_LOG, "--signature", "signature", "blob")
    assert cosign.run(*verify)
    (cosign.folder / "blob").write_bytes(b"something else")
    assert not cosign.run(*verify)


def test_openssl_reads_our_protected_file(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on PATH")
    key = SigningKey.generate()
    (tmp_path / "owner.key").write_bytes(key.to_pem(PASSPHRASE))
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    command = [openssl, "pkey", "-in", "owner.key", "-passin", "file:passphrase", "-pubout"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    assert VerifyingKey.from_pem(done.stdout) == key.public
