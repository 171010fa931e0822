"""What holds for every test: nothing depends on who runs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def no_contexts_of_whoever_runs_the_tests() -> Iterator[None]:
    """Commands find no config file but the one that a test names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEALWASM_CONFIG", "/nonexistent/sealwasm/config.yaml")
        yield
