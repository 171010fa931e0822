"""Capability policies for guests in tests: deny everything but what a test names."""

from __future__ import annotations

from typing import Any

from runner.wasi.table import FUNCTIONS

EVERY_IMPORT = [f"wasi_snapshot_preview1.{name}" for name in FUNCTIONS]


def capabilities(*, imports: list[str] | None = None, **spec: Any) -> dict[str, Any]:
    """A document that grants `spec`; underscores in its keys stand for dashes."""
    granted = EVERY_IMPORT if imports is None else imports
    return {
        "apiVersion": "sealwasm/v1",
        "kind": "CapabilityPolicy",
        "metadata": {"name": "guest"},
        "spec": {"imports": granted, **{key.replace("_", "-"): spec[key] for key in spec}},
    }


def output(max_bytes: int = 65536, **more: Any) -> dict[str, Any]:
    """A grant for standard output or error."""
    return {"max-bytes": max_bytes, **more}


def folder(path: str = "/data", **more: Any) -> dict[str, Any]:
    """An empty folder the guest may write to, unless `more` says otherwise."""
    mount = {"path": path, "source": "empty", "access": "read-write", "max-bytes": 65536}
    return {**mount, **{key.replace("_", "-"): more[key] for key in more}}
