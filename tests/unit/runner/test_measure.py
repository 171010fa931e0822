"""The measurement: every file of every package, nothing else, and no second form."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import rfc8785

from runner import measure
from runner.errors import RunnerCode, RunnerError
from runner.measure import PACKAGES, installation, runner_measurement

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        source = installation() / package
        shutil.copytree(source, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_running_installation_is_measured_as_imported() -> None:
    measured = runner_measurement()
    assert installation() == REPOSITORY
    document = measured.to_document()
    own_source = Path(measure.__file__).read_bytes()
    assert document["files"]["runner/measure.py"] == hashlib.sha256(own_source).hexdigest()
    assert document.pop("measurement") == measured.digest.hex()
    document["format"] = "sealwasm/simulated-measurement/v1"
    assert measured.digest == hashlib.sha384(rfc8785.dumps(document)).digest()
    assert not any("__pycache__" in name for name in document["files"])


def test_an_equal_copy_has_the_same_measurement(copy: Path) -> None:
    (copy / "runner/__pycache__").mkdir()
    (copy / "runner/__pycache__/x.pyc").write_bytes(b"cache")
    assert runner_measurement(copy) == runner_measurement()


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


@pytest.mark.parametrize(
    "change",
    [
        lambda copy: _append(copy / "runner/measure.py"),
        lambda copy: _append(copy / "sealing/py.typed"),
        lambda copy: (copy / "policies/extra.json").write_bytes(b"{}"),
        lambda copy: (copy / "runner/sourceless.pyc").write_bytes(b""),
        lambda copy: (copy / "attestation/errors.py").unlink(),
        lambda copy: (copy / "attestation/errors.py").rename(copy / "attestation/mistakes.py"),
    ],
)
def test_any_change_changes_it(copy: Path, change) -> None:
    change(copy)
    assert runner_measurement(copy).digest != runner_measurement().digest


@pytest.mark.parametrize(
    "change",
    [
        lambda copy: shutil.rmtree(copy / "keybroker"),
        lambda copy: (copy / "runner/link.py").symlink_to("measure.py"),
        lambda copy: (copy / "runner/linked").symlink_to("engine"),
        lambda copy: (copy / "runner/mod\u00fcl.py").write_bytes(b""),
    ],
)
def test_what_cannot_be_measured_is_refused(copy: Path, change) -> None:
    change(copy)
    with pytest.raises(RunnerError) as caught:
        runner_measurement(copy)
    assert caught.value.code is RunnerCode.NOT_MEASURABLE


def test_too_many_files(copy: Path, monkeypatch) -> None:
    monkeypatch.setattr(measure, "MAX_FILES", 3)
    with pytest.raises(RunnerError) as caught:
        runner_measurement(copy)
    assert caught.value.code is RunnerCode.NOT_MEASURABLE


def test_a_file_that_vanishes(copy: Path, monkeypatch) -> None:
    def gone(self: Path, *args: object, **kwargs: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "open", gone)
    with pytest.raises(RunnerError) as caught:
        runner_measurement(copy)
    assert caught.value.code is RunnerCode.NOT_MEASURABLE
