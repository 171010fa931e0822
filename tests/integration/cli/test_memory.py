"""The owner's machine needs no memory for her module, however large: it is read in blocks."""

from __future__ import annotations

import pytest

from tests.bench.bench_publish import OWNER_LIMIT_BYTES, PULL_LIMIT, Owner
from tests.bench.peak import write_module
from tests.interop.tools import docker_registry

# All on one worker of the test runner: they share a world, and guides use the default port.
pytestmark = pytest.mark.xdist_group("command-line")

# More than the limit: a command that held all of it would be found out.
MODULE_BYTES = OWNER_LIMIT_BYTES * 3 // 2
SIZES = ("tiny", "large")


@pytest.mark.parametrize("place", ["folder", "registry"])
def test_publishing_a_large_module(world, tmp_path, place: str) -> None:
    owner = Owner(world)
    write_module(world.path("tiny.wasm"), 0)
    write_module(world.path("large.wasm"), MODULE_BYTES)
    if place == "folder":
        peaks = [owner.peak_of_publish(f"{one}.wasm", f"oci:big:{one}") for one in SIZES]
    else:
        with docker_registry(tmp_path) as registry:
            where = f"127.0.0.1:{registry.port}/acme/peak"
            peaks = [owner.peak_of_publish(f"{one}.wasm", f"{where}:{one}") for one in SIZES]
    assert peaks[1] - peaks[0] < OWNER_LIMIT_BYTES


def test_pulling_a_large_module(world) -> None:
    """The process that talks to the world has the ciphertext once; the worker is another one."""
    owner = Owner(world)
    write_module(world.path("tiny.wasm"), 0)
    write_module(world.path("large.wasm"), MODULE_BYTES)
    for one in SIZES:
        owner.peak_of_publish(f"{one}.wasm", f"oci:pulled:{one}")
    peaks = [owner.peak_of_run(f"oci:pulled:{one}") for one in SIZES]
    assert peaks[1] - peaks[0] < PULL_LIMIT * MODULE_BYTES
