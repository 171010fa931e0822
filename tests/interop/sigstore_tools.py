"""cosign, oras and sigstore's JavaScript verifier, with homes of their own and no network."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interop.tools import tool, user_tools

_NPM = Path(__file__).parent / "npm"
# Loopback registries have no TLS, and there is no log to ask.
_LOOPBACK = ("--allow-http-registry", "--allow-insecure-registry")
_NO_LOG = ("--insecure-ignore-tlog=true",)
_OFFLINE = ("--use-signing-config=false", "--tlog-upload=false", "--yes")


@dataclass(frozen=True)
class Answer:
    """What a tool said. Truthy where it succeeded."""

    code: int
    out: str
    said: str

    def __bool__(self) -> bool:
        return self.code == 0


def _run(home: Path, *command: str | Path, stdin: bytes = b"") -> Answer:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "COSIGN_PASSWORD": "",
        # Whoever would ask a service of sigstore's finds nobody there.
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [str(part) for part in command],
        env=environment, cwd=home, input=stdin, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


class Cosign:
    """The real cosign with an empty home in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._path = tool("cosign")
        self.folder = folder

    def run(self, *arguments: str | Path) -> Answer:
        return _run(self.folder, self._path, *arguments)

    def import_key(self, pem: Path, name: str) -> Path:
        """Turn a PKCS#8 file into a key file of cosign's own with an empty password."""
        prefix = self.folder / name
        done = self.run("import-key-pair", "--key", pem, "--output-key-prefix", prefix, "--yes")
        assert done, done.said
        return prefix.with_suffix(".key")

    def verify(self, place: str, public: Path, *options: str) -> Answer:
        return self.run("verify", "--key", public, *_NO_LOG, *_LOOPBACK, *options, place)

    def verify_attestation(self, place: str, public: Path, kind: str) -> Answer:
        return self.run(
            "verify-attestation", "--key", public, "--type", kind, *_NO_LOG, *_LOOPBACK, place
        )

    def sign(self, place: str, key: Path, *options: str) -> None:
        done = self.run("sign", "--key", key, *_OFFLINE, *_LOOPBACK, *options, place)
        assert done, done.said

    def attest(self, place: str, key: Path, kind: str, predicate: Path) -> None:
        done = self.run(
            "attest", "--key", key, "--type", kind, "--predicate", predicate,
            *_OFFLINE, *_LOOPBACK, place,
        )  # fmt: skip
        assert done, done.said


class Oras:
    """The real oras with an empty home in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._path = tool("oras")
        self._folder = folder

    def run(self, *arguments: str) -> Answer:
        done = _run(self._folder, self._path, *arguments)
        assert done, done.said
        return done

    def copy(self, source: str, target: str, *options: str) -> None:
        """Copy an artifact with everything that refers to it."""
        self.run("copy", "-r", "--from-plain-http", *options, source, target)


class SigstoreVerifier:
    """npm's @sigstore/verify: a bundle is verified by a bare public key and nothing else."""

    def __init__(self, folder: Path) -> None:
        self._node = tool("node")
        self._folder = folder
        self._modules = user_tools() / "npm"
        lock = self._modules / "package-lock.json"
        if not lock.exists() or lock.read_bytes() != (_NPM / lock.name).read_bytes():
            pytest.skip("@sigstore/verify is not installed: `make tools` installs it with npm")

    def verify(self, bundle: bytes, public_pem: bytes) -> dict[str, Any]:
        """Return what the verifier answers."""
        (self._folder / "bundle.json").write_bytes(bundle)
        (self._folder / "key.pem").write_bytes(public_pem)
        done = _run(
            self._folder, self._node, _NPM / "verify.mjs", self._modules,
            self._folder / "bundle.json", self._folder / "key.pem",
        )  # fmt: skip
        answer: dict[str, Any] = json.loads(done.out) if done.out else {"crashed": done.said}
        return answer
