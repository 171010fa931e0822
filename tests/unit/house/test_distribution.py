"""The guards of ADR 1: what the wheel holds, and that our names are ours."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sealwasm import guard
from sealwasm.failure import CliError

ROOT = Path(__file__).resolve().parents[3]


def test_wheel_has_our_packages_and_nothing_else(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top == set(guard.PACKAGES)
    kept = [name for name in names if name.endswith((".key", ".pem", ".wasm", ".der", ".bin"))]
    # Vendors' public CA certificates, judged against the pins like any others.
    assert {Path(name).parent.as_posix() for name in kept} <= {"attestation/vendor"}


def test_all_packages_come_from_one_folder():
    assert guard.require_own_packages() == ROOT


def test_stray_module_in_front_is_found(tmp_path, monkeypatch):
    (tmp_path / "policies.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "policies", raising=False)
    with pytest.raises(CliError) as caught:
        guard.require_own_packages()
    assert caught.value.code == "foreign-package"
    assert "policies" in caught.value.what


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("top_level.txt", "runner\n"),
        ("RECORD", "runner/__init__.py,,\n"),
        ("RECORD", "other/__init__.py,,\nrunner/__init__.py,,\n"),
        ("RECORD", "other/__init__.py,,\nrunner.py,,\n"),
    ],
)
def test_name_claimed_by_another_distribution_is_found(tmp_path, monkeypatch, file, text):
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / file).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CliError) as caught:
        guard.require_own_packages()
    assert "stranger" in caught.value.what
