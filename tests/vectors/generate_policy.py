"""Vectors of docs/specs/policy.md: documents read or refused, decisions allowed or denied."""

from __future__ import annotations

from pathlib import Path

from tests.vectors.folder import fresh_folder
from tests.vectors.policy_cases import capability, decision, guardrails, release


def generate(root: Path) -> None:
    """Write every case under `root/policy/`."""
    folder = fresh_folder(root, "policy")
    for group in (capability, decision, guardrails, release):
        group.write(folder)
