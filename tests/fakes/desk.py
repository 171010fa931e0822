"""An owner at the command line: a folder, a config file of its own, and a broker that answers.

The broker is the one of `tests.fakes.world`, at the address that commands ask if told no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from keybroker.edge.app import create_app
from sealwasm.cli import run_command
from sealwasm.options import DEFAULT_BROKER
from sealwasm.session import Session
from tests.fakes.web import Peer
from tests.fakes.world import POLICY, World, make_world, release_policy
from tests.unit.sealing.wasm_maker import SMALL

GRANT = """\
apiVersion: sealwasm/v1
kind: CapabilityPolicy
metadata: {name: app, version: 1}
spec:
  imports: [IMPORTS]
"""


@dataclass
class DeskSession(Session):
    """A session whose clock is the broker's."""

    world: World | None = field(default=None, repr=False)

    def now(self) -> datetime:
        return self.world.clock() if self.world else super().now()


@dataclass
class Desk:
    """Runs command lines and reads what they say."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    world: World | None = None
    broker_is_down: bool = False
    asked: list[str] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        environment = {"SEALWASM_CONFIG": str(self.config), "HOME": str(self.folder)}
        session = DeskSession(environment=environment, world=self.world)
        code = run_command(arguments, session)
        shown = self.capsys.readouterr()
        return code, shown.out, shown.err

    def document(self, *arguments: str) -> Any:
        """Return what a command that must succeed says to programs."""
        code, out, err = self.run(*arguments, "-o", "json")
        assert code == 0, err
        return json.loads(out)

    def refused(self, *arguments: str) -> dict[str, Any]:
        """Return the error of a command that must not succeed."""
        code, _, err = self.run(*arguments, "-o", "json")
        assert code != 0
        error: dict[str, Any] = json.loads(err.splitlines()[-1])["error"]
        assert error["exit_code"] == code
        return error

    def snapshot(self) -> dict[str, bytes]:
        """Every file of the owner's, to see that nothing was written."""
        return {
            str(path): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and "world" not in path.relative_to(self.folder).parts
        }

    def write(self, name: str, data: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return str(path)

    def settle(
        self, *, publish_to: str | None = None, release: dict[str, Any] | None = None
    ) -> None:
        """Give the owner of the world a key file, a module, both policies and a context."""
        if self.world is None:
            raise ValueError("nobody is enrolled without a world")
        key = self.write("owner.key", self.world.owner.to_pem(None))
        Path(key).chmod(0o600)
        self.write("owner.key.pub", self.world.owner.public.to_pem())
        self.write("app.wasm", SMALL)
        self.write("grant.yaml", GRANT.replace("IMPORTS", "wasi_snapshot_preview1.fd_write"))
        document = release or release_policy(version=2)
        self.write("release.yaml", yaml.safe_dump(document))
        self.document(
            "context", "add", "work", "--module", "acme/app", "--key", key,
            "--owner-key", self.path("owner.key.pub"), "--broker", DEFAULT_BROKER,
            "--publish-to", publish_to or f"oci:{self.path('shop')}", "--policy", POLICY,
            "--release-policy", self.path("release.yaml"),
            "--capabilities", self.path("grant.yaml"),
        )  # fmt: skip


@contextmanager
def open_desk(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """Give a desk with a world; only the broker's address is answered by it."""
    (folder / "world").mkdir()
    with make_world(folder / "world") as world:
        desk = Desk(folder, capsys, world)
        peer = Peer(create_app(world.broker))

        def answer(request: httpx.Request) -> httpx.Response:
            desk.asked.append(f"{request.method} {request.url.path}")
            if desk.broker_is_down:
                raise httpx.ConnectError("down")
            answered = peer.request(request.method, request.url.path, content=request.read())
            return httpx.Response(answered.status_code, content=iter([answered.content]))

        class Client(httpx.Client):
            def __init__(self, **named: Any) -> None:
                super().__init__(transport=httpx.MockTransport(answer), **named)

        monkeypatch.setattr(httpx, "Client", Client)
        yield desk
