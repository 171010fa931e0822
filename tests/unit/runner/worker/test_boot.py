"""A worker's packages come from its own installation, whatever else could be found first."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from runner.measure import PACKAGES, installation
from runner.worker import boot


def test_the_packages_are_those_that_are_measured() -> None:
    assert set(PACKAGES) == boot.PACKAGES


def test_ours_are_found_in_one_folder_only(tmp_path: Path) -> None:
    (tmp_path / "sealing").mkdir()
    (tmp_path / "sealing/__init__.py").write_bytes(b"")
    finder = boot.OurPackages(str(tmp_path))
    spec = finder.find_spec("sealing")
    assert spec is not None
    assert spec.origin == str(tmp_path / "sealing/__init__.py")
    with pytest.raises(ModuleNotFoundError):
        finder.find_spec("runner")
    assert finder.find_spec("json") is None
    assert finder.find_spec("sealing.keys") is None


def test_main_hands_over_to_the_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[int, int]] = []
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr("runner.worker.main.main", lambda *args: called.append(args))
    boot.main(["7", "8", "runner.worker.main"])
    assert called == [(7, 8)]
    assert isinstance(sys.meta_path[0], boot.OurPackages)


def test_a_copy_of_the_installation_runs_its_own_worker(tmp_path: Path) -> None:
    """What the demo's changed runner relies on: its worker is as changed as it is."""
    for package in PACKAGES:
        source = installation() / package
        shutil.copytree(source, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "runner/worker/main.py").write_text(
        "import os, sys\n"
        "def main(descriptor, parent):\n"
        "    import sealing\n"
        "    os.write(descriptor, os.path.dirname(os.path.dirname(sealing.__file__)).encode())\n"
    )
    import os
    import subprocess

    ours, theirs = os.pipe()
    command = [sys.executable, "-I", str(tmp_path / "runner/worker/boot.py"), str(theirs)]
    command += [str(os.getpid()), "runner.worker.main"]
    subprocess.run(command, pass_fds=[theirs], check=True, env={}, cwd="/")
    os.close(theirs)
    with os.fdopen(ours, "rb") as answer:
        assert answer.read().decode() == str(tmp_path)
