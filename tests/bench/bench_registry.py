"""Carrying 50 MB to and from a registry, beside skopeo on the same registry in the same run.

What is timed is a client's whole life, connecting included, and a process of skopeo's; what that
costs without doing anything is a row of its own. skopeo reads and writes an image-layout folder.
A pull of ours ends in memory, where a module is used; the rows with a folder do as skopeo does,
and sync what they write, which skopeo does not.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sealing.canonical import digest_of
from sealing.oci.blob import Blob
from sealing.oci.descriptor import MANIFEST_TYPE, Descriptor
from sealing.oci.layout import OciLayout
from sealing.oci.parallel import put_all
from sealing.oci.store import ArtifactStore
from tests.interop.tools import DockerRegistry, Skopeo, docker_registry

SIZE = 50 * 1000 * 1000
RUNS = 7
PULL_GOAL = 0.6
PUSH_GOAL = 1.5
CONFIG = b'{"architecture":"wasm","os":"wasip1"}'


class Race:
    """The same artifact in a folder and in memory, a registry, and what each runner does."""

    def __init__(self, folder: Path, registry: DockerRegistry) -> None:
        self._folder = folder
        self._registry = registry
        self._skopeo = Skopeo(folder)
        self._layer = Blob.of(os.urandom(SIZE))
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": Descriptor.of(CONFIG, "application/vnd.wasm.config.v0+json").to_document(),
            "layers": [
                Descriptor("application/wasm+encrypted", self._layer.digest, SIZE).to_document()
            ],
        }
        self._manifest = json.dumps(document).encode()
        self._put(OciLayout.create(folder / "source"))
        self._place = f"docker://127.0.0.1:{registry.port}/acme/scoring:v1"

    def run(self, runner: Callable[[], None], *before: Callable[[], None]) -> float:
        """Return the seconds of one run, what comes `before` it not counted."""
        for action in before:
            action()
        started = time.perf_counter()
        runner()
        return time.perf_counter() - started

    def forget(self) -> None:
        """Empty the registry and the folder that pulls go to."""
        for folder in (self._registry.storage, self._folder / "target"):
            shutil.rmtree(folder, ignore_errors=True)

    def forget_pull(self) -> None:
        shutil.rmtree(self._folder / "target", ignore_errors=True)

    def start_skopeo(self) -> None:
        self._skopeo.run("--version")

    def skopeo_push(self) -> None:
        self._skopeo.copy(f"oci:{self._folder}/source:v1", self._place)

    def skopeo_pull(self) -> None:
        self._skopeo.copy(self._place, f"oci:{self._folder}/target:v1")

    def push(self) -> None:
        with self._registry.client() as client:
            self._put(client)

    def push_folder(self) -> None:
        source = OciLayout.open(self._folder / "source")
        with self._registry.client() as client:
            layer = source.get_blob(self._layer.digest, SIZE)
            put_all(client, [(None, Blob.of(CONFIG)), ("layer", Blob.of(layer))])
            client.put_manifest(source.get_manifest("v1"), tag="v1")

    def pull(self) -> None:
        with self._registry.client() as client:
            client.get_manifest("v1")
            client.get_blob(digest_of(CONFIG), len(CONFIG))
            client.get_blob(self._layer.digest, SIZE)

    def pull_folder(self) -> None:
        target = OciLayout.create(self._folder / "target")
        with self._registry.client() as client:
            manifest = client.get_manifest("v1")
            target.put_blob(Blob.of(client.get_blob(digest_of(CONFIG), len(CONFIG))))
            target.put_blob(Blob.of(client.get_blob(self._layer.digest, SIZE)))
            target.put_manifest(manifest, tag="v1")

    def _put(self, store: ArtifactStore) -> None:
        put_all(store, [(None, Blob.of(CONFIG)), ("layer", self._layer)])
        store.put_manifest(self._manifest, tag="v1")


def rows() -> list[dict[str, Any]]:
    """Return the rows for the table of all benchmarks."""
    if not all(map(shutil.which, ("skopeo", "docker-registry"))):
        return [
            _row("registry: `make tools` installs skopeo and docker-registry", None, None, None)
        ]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        race = Race(folder, stack.enter_context(docker_registry(folder)))
        # Taken in turns, so that a busy moment of the machine meets everybody.
        times = [
            (
                race.run(race.start_skopeo),
                race.run(race.skopeo_push, race.forget),
                race.run(race.push_folder, race.forget),
                race.run(race.push, race.forget),
                race.run(race.skopeo_pull, race.forget_pull),
                race.run(race.pull_folder, race.forget_pull),
                race.run(race.pull),
            )
            for _ in range(RUNS)
        ]
    idle, their_push, folder_push, our_push, their_pull, folder_pull, our_pull = map(
        min, zip(*times, strict=True)
    )
    return [
        _row("pull 50 MB, verified, to memory / skopeo", our_pull, their_pull, PULL_GOAL),
        _row("pull 50 MB, verified, to a folder / skopeo", folder_pull, their_pull, None),
        _row("push 50 MB from memory / skopeo", our_push, their_push, PUSH_GOAL),
        _row("push 50 MB from a folder / skopeo", folder_push, their_push, None),
        _row("skopeo doing nothing", idle, None, None),
    ]


def _row(name: str, ours: float | None, theirs: float | None, goal: float | None) -> dict[str, Any]:
    ratio = None if ours is None or theirs is None else ours / theirs
    return {
        "name": name,
        "value": None if ours is None else round(ours * 1000, 1),
        "unit": "ms",
        "bare": None if theirs is None else round(theirs * 1000, 1),
        "ratio": ratio,
        "goal": None if goal is None else f"ratio <= {goal}",
        "ok": None if goal is None or ratio is None else ratio <= goal,
    }
