"""The configfs-tsm attester against a folder that behaves as the kernel's does."""

from __future__ import annotations

import errno
from pathlib import Path, PurePosixPath
from typing import ClassVar

import pytest

from attestation.errors import EvidenceError
from attestation.simulated.configfs import SimulatedConfigfs
from attestation.tsm_attester import PROVIDERS, TsmAttester
from attestation.verifiers.snp.report import parse_report
from tests.fakes.silicon import MEASUREMENT, REPORT_DATA, make_platform


class TreePath(PurePosixPath):
    """A path into a `SimulatedConfigfs`: the verbs of `Path` that the attester uses."""

    tree: SimulatedConfigfs
    on_read: ClassVar[list] = []

    def mkdir(self) -> None:
        self.tree.make(self.name)

    def rmdir(self) -> None:
        self.tree.remove(self.name)

    def write_bytes(self, data: bytes) -> None:
        self.tree.write(self.parent.name, self.name, data)

    def open(self, mode: str, buffering: int):
        import io

        if self.on_read and self.name == "outblob":
            self.on_read.pop()(self.tree, self.parent.name)
        return io.BytesIO(self.tree.read(self.parent.name, self.name))


@pytest.fixture
def root(tmp_path: Path):
    guest = make_platform(tmp_path / "platform").launch(MEASUREMENT, extended=True)
    kind = type("Root", (TreePath,), {"tree": SimulatedConfigfs(guest), "on_read": []})
    return kind("/report")


def test_evidence_is_over_the_report_data_and_nothing_is_left_behind(root) -> None:
    evidence = TsmAttester.of(root).attest(REPORT_DATA)
    assert parse_report(evidence.parts["report"]).report_data == REPORT_DATA
    assert evidence.parts.keys() == {"report", "cert_table"}
    assert root.tree.requests == {}


def test_a_privilege_level_is_asked_for(root) -> None:
    seen = []
    root.on_read.append(lambda tree, name: seen.append(tree.requests[name].generation))
    TsmAttester.of(root, privilege_level=1).attest(REPORT_DATA)
    assert seen == [2]


def test_a_write_by_somebody_else_is_noticed_and_asked_again(root) -> None:
    root.on_read.append(lambda tree, name: tree.write(name, "inblob", b"theirs"))
    evidence = TsmAttester.of(root).attest(REPORT_DATA)
    assert parse_report(evidence.parts["report"]).report_data == REPORT_DATA


def test_one_who_keeps_writing_is_given_up_on(root) -> None:
    root.on_read.extend([lambda tree, name: tree.write(name, "inblob", b"theirs")] * 20)
    with pytest.raises(EvidenceError, match="binding"):
        TsmAttester.of(root).attest(REPORT_DATA)
    assert root.tree.requests == {}


def busy(tree, name) -> None:
    raise OSError(errno.EBUSY, "busy")


def test_a_busy_driver_is_asked_again(root) -> None:
    root.on_read.append(busy)
    assert TsmAttester.of(root).attest(REPORT_DATA).tee == "snp"


def broken(tree, name) -> None:
    raise OSError(errno.EIO, "firmware")


def test_a_failing_driver_is_reported(root) -> None:
    root.on_read.append(broken)
    with pytest.raises(OSError, match="firmware"):
        TsmAttester.of(root).attest(REPORT_DATA)
    assert root.tree.requests == {}


def test_report_data_is_64_bytes(root) -> None:
    with pytest.raises(ValueError, match="63 bytes"):
        TsmAttester.of(root).attest(bytes(63))


def test_an_unknown_driver_is_refused(root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attestation.tsm_attester.PROVIDERS", {})
    with pytest.raises(EvidenceError, match="unsupported"):
        TsmAttester.of(root)
    assert root.tree.requests == {}


def test_the_driver_may_not_change(root) -> None:
    with pytest.raises(EvidenceError, match="another driver"):
        TsmAttester("tdx", root).attest(REPORT_DATA)


@pytest.mark.parametrize(
    ("name", "attribute", "data", "code"),
    [
        ("none", "inblob", b"x", errno.ENOENT),
        ("mine", "outblob", b"x", errno.EACCES),
        ("mine", "inblob", b"", errno.EINVAL),
        ("mine", "inblob", bytes(65), errno.EINVAL),
        ("mine", "privlevel", b"x", errno.EINVAL),
    ],
)
def test_the_pretended_kernel_refuses(root, name, attribute, data, code) -> None:
    root.tree.make("mine")
    with pytest.raises(OSError) as refused:
        root.tree.write(name, attribute, data)
    assert refused.value.errno == code


def test_the_pretended_kernel_counts_and_limits(root) -> None:
    for index in range(64):
        root.tree.make(str(index))
    with pytest.raises(OSError) as refused:
        root.tree.make("one too many")
    assert refused.value.errno == errno.ENOSPC
    with pytest.raises(OSError) as refused:
        root.tree.make("1")
    assert refused.value.errno == errno.EEXIST
    with pytest.raises(OSError) as refused:
        root.tree.read("1", "inblob")
    assert refused.value.errno == errno.EACCES


def test_every_provider_is_of_a_kind_of_evidence() -> None:
    from attestation.evidence import PARTS

    for provider in PROVIDERS.values():
        required, optional = PARTS[provider.tee]
        assert provider.outblob in required
        assert provider.auxblob is None or provider.auxblob in optional
