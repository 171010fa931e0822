"""Real tools that nobody here wrote. A test that lacks one skips and says how to get it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealing.errors import SealError
from sealing.oci.reference import RegistryReference
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.settings import Authenticator

# `alice` / `secret`, bcrypt as htpasswd writes it.
HTPASSWD = "alice:$2b$04$zKpcOaLKa3KTdtPdoDrai.qyDMzxi3nrwqZ0TiuLZiEyrDLKeEitW\n"
_CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {storage}}}}}
http: {{addr: "127.0.0.1:{port}", secret: only-for-this-test{tls}}}
{auth}
"""


def user_tools() -> Path:
    """Return the folder of what tools/install_user_tools.sh fetches."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "sealwasm" / "tools"


def tool(name: str) -> str:
    """Return the path of a tool of the system or of the user's cache, or skip the test."""
    # What was fetched is the newer one.
    path = shutil.which(name, path=user_tools() / "bin") or shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed: `make tools` installs it on Debian and Ubuntu")
    return path


@dataclass(frozen=True)
class DockerRegistry:
    """Debian's docker-registry on loopback. `storage` is where it keeps what it is given."""

    port: int
    storage: Path

    @property
    def reference(self) -> RegistryReference:
        return RegistryReference(
            registry=f"127.0.0.1:{self.port}", repository="acme/scoring", tag="v1"
        )

    def client(self, authenticator: Authenticator | None = None) -> RegistryClient:
        return RegistryClient(self.reference, authenticator=authenticator)

    def blob_file(self, digest: str) -> Path:
        hexadecimal = digest.removeprefix("sha256:")
        blobs = self.storage / "docker" / "registry" / "v2" / "blobs" / "sha256"
        return blobs / hexadecimal[:2] / hexadecimal / "data"


@contextmanager
def docker_registry(
    folder: Path, *, password: bool = False, auth: str = "", tls: str = ""
) -> Iterator[DockerRegistry]:
    """Run a registry with its own storage below `folder` until the block ends.

    `auth` and `tls` are those sections of its configuration; `password` means Alice's.
    """
    path = tool("docker-registry")
    registry = DockerRegistry(_free_port(), folder / "storage")
    (folder / "htpasswd").write_text(HTPASSWD)
    if password:
        auth = f"{{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}"
    config = folder / "registry.yml"
    text = _CONFIG.format(
        storage=registry.storage,
        port=registry.port,
        auth=f"auth: {auth}" if auth else "",
        tls=f", tls: {tls}" if tls else "",
    )
    config.write_text(text)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([path, "serve", str(config)], stdout=log, stderr=log)
    try:
        _wait_for(registry, process, folder / "log", refuses=bool(auth or tls))
        yield registry
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_for(
    registry: DockerRegistry, process: subprocess.Popen[bytes], log: Path, *, refuses: bool
) -> None:
    with registry.client() as client:
        for _ in range(10):
            try:
                client.ping()
            except SealError as error:
                # Over plain HTTP, a registry with TLS says that it is there by refusing.
                if refuses and error.code in ("seal-unauthorized", "seal-registry-refused"):
                    return
                if process.poll() is not None:
                    break
            else:
                return
    pytest.fail(f"docker-registry did not start: {log.read_text()[-500:]}")


class Skopeo:
    """skopeo with a home of its own: no credentials and no settings of this machine."""

    def __init__(self, folder: Path) -> None:
        self._path = tool("skopeo")
        self._policy = folder / "policy.json"
        self._policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
        self._environment = {
            **{name: os.environ[name] for name in ("PATH",)},
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "TMPDIR": str(folder),
        }

    def run(self, *arguments: str) -> bytes:
        done = subprocess.run(
            [self._path, "--policy", str(self._policy), *arguments],
            env=self._environment,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def inspect_raw(self, place: str) -> bytes:
        """Return the manifest at `place`."""
        return self.run("inspect", "--raw", "--tls-verify=false", place)

    def copy(self, source: str, target: str) -> None:
        """Copy an image and refuse to change its manifest."""
        self.run(
            "copy", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false",
            source, target,
        )  # fmt: skip
