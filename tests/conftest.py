"""What holds for every test: nothing depends on who runs it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def no_contexts_of_whoever_runs_the_tests() -> Iterator[None]:
    """Commands find no config file but the one that a test names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEALWASM_CONFIG", "/nonexistent/sealwasm/config.yaml")
        yield


def pytest_configure() -> None:
    """Let Ctrl-C reach the commands of the tests, also where the tests run in the background.

    A shell without job control starts such a process with SIGINT ignored, and its children inherit
    that: what a test interrupts would then go on for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
