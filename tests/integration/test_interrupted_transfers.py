"""Ctrl-C in a command whose registry sends or takes nothing more: it ends, and leaves no pieces."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sealing.canonical import digest_of
from sealing.oci.attachments import bundle_manifest
from sealing.oci.registry.client import RegistryClient
from sealing.oci.transfer import Attachment, attach, push
from sealing.signatures.bundle import sign_bundle
from sealwasm.demo.stage import entry_point
from tests.fakes.registry import FakeRegistry, running
from tests.fakes.registry_wire import Request
from tests.unit.sealing import makers
from tests.unit.sealing.oci.samples import sealed

# A command that is not ended waits for longer than this: the fakes wait until the test is over.
HANG_SECONDS = 30
PACKAGES = Path(__file__).parents[2]
BUNDLES = [sign_bundle(b"{}" + b" " * number, makers.STRANGER) for number in range(3)]


@pytest.fixture
def over() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def begun() -> threading.Event:
    """Return what is set when a transfer has begun and will go no further."""
    return threading.Event()


@pytest.fixture
def stall(begun: threading.Event, over: threading.Event) -> Callable[[], None]:
    def pause() -> None:
        begun.set()
        over.wait(10 * HANG_SECONDS)

    return pause


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """A registry with an artifact and more bundles than its owner's."""
    with running(FakeRegistry(referrers_api=True)) as registry:
        with RegistryClient(registry.reference()) as client:
            push(client, sealed(), "v1")
            for bundle in BUNDLES:
                manifest = bundle_manifest(
                    sealed().manifest, bundle, predicate_type="x", created=makers.NOW
                )
                attach(client, Attachment(manifest, bundle))
        yield registry


@contextmanager
def command(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with subprocess.Popen(
        [*entry_point(PACKAGES), *arguments],
        cwd=folder, env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def interrupted(process: subprocess.Popen[str], begun: threading.Event) -> tuple[int, str]:
    assert begun.wait(HANG_SECONDS), process.communicate(timeout=1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=HANG_SECONDS)
    return process.returncode, errors


@pytest.mark.parametrize("part", ["layer", "bundles"])
def test_pull(
    tmp_path: Path, registry: FakeRegistry, stall: Callable[[], None], begun: threading.Event,
    part: str,
) -> None:  # fmt: skip
    drips = [sealed().layer.digest] if part == "layer" else [digest_of(one) for one in BUNDLES]

    def answer(request: Request) -> object:
        if request.path.rpartition("/")[2] not in drips:
            return None
        response = registry.work(request)
        response.pause = stall
        return response

    registry.on("GET", "/blobs/", answer)
    source = str(registry.reference())
    with command(tmp_path, "pull", source, "oci:mirror:v1") as process:
        status, errors = interrupted(process, begun)
    assert status == 130, errors
    assert "error[interrupted]" in errors
    assert "Traceback" not in errors
    kept = [path.name for path in (tmp_path / "mirror" / "blobs" / "sha256").iterdir()]
    assert set(kept) <= {digest_of(sealed().config).partition(":")[2]}


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_copy(
    tmp_path: Path, registry: FakeRegistry, stall: Callable[[], None], begun: threading.Event,
    method: str,
) -> None:  # fmt: skip
    with running(FakeRegistry()) as target:
        target.on(method, "/blobs/uploads/", lambda _: stall())
        places = str(registry.reference()), str(target.reference())
        with command(tmp_path, "copy", *places) as process:
            status, errors = interrupted(process, begun)
        assert target.manifests == {}
    assert status == 130, errors
    assert "error[interrupted]" in errors
    assert "Traceback" not in errors
