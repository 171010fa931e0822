"""From a reference to its store, and what the base install says without httpx."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sealing.errors import SealRefusal
from sealing.oci.connect import open_store
from sealing.oci.layout import OciLayout
from sealing.oci.reference import LayoutReference, Reference
from sealing.oci.registry.client import RegistryClient
from tests.unit.sealing.oci.samples import refusal


def opened(reference: str, *, create: bool = False) -> object:
    with open_store(Reference.parse(reference), create=create) as store:
        return store


def test_folder(tmp_path: Path) -> None:
    reference = f"oci:{tmp_path}/out:v1"
    assert refusal(opened, reference) is SealRefusal.NOT_FOUND
    assert isinstance(opened(reference, create=True), OciLayout)
    assert isinstance(opened(reference), OciLayout)


def test_registry() -> None:
    assert isinstance(opened("registry.example.com/acme/scoring:v1"), RegistryClient)


def test_registry_without_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    for name in [name for name in sys.modules if name.startswith("sealing.oci.registry.")]:
        monkeypatch.delitem(sys.modules, name)
    assert refusal(opened, "localhost:5000/a:v1") is SealRefusal.STORE_UNUSABLE


def test_everything_but_registries_imports_without_httpx() -> None:
    code = (
        "import sys; sys.modules['httpx'] = None\n"
        "import sealing.oci.connect, sealing.oci.copying, sealing.oci.transfer\n"
        "import sealing.oci.registry.settings, sealing.oci.reference"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_layout_reference_is_a_folder_of_the_caller(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    reference = LayoutReference(folder=f"{tmp_path}/a/../out")
    with open_store(reference, create=True):
        assert (tmp_path / "out" / "oci-layout").exists()
