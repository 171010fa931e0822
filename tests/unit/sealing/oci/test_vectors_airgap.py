"""Every air-gap vector: docs/specs/airgap.md."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from sealing.canonical import digest_of
from sealing.errors import SealError, SealRefusal
from sealing.oci.archive import Archive, read_archive, require_whole, write_archive
from sealing.oci.layout import OciLayout
from sealing.oci.tar import TarReader, header

FOLDER = Path(__file__).parents[3] / "vectors" / "airgap"
CASES = sorted(FOLDER.glob("*/case.json"))


def read(data: bytes, layout: OciLayout, reached: list[str]) -> Archive:
    """Read as an importer does, noting each stage."""
    reached.append("read")
    archive = read_archive(io.BytesIO(data), layout.put_blob)
    reached.append("whole")
    require_whole(archive, layout)
    return archive


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path, tmp_path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    data = (path.parent / "archive.tar").read_bytes()
    layout = OciLayout.create(tmp_path / "layout")
    reached: list[str] = []
    if case["expect"] != "accepted":
        with pytest.raises(SealError) as caught:
            read(data, layout, reached)
        assert (caught.value.code, reached[-1]) == (case["expect"], case["stage"])
        return
    archive = read(data, layout, reached)
    layout.replace_index(archive.index)
    entries = sorted(layout.entries(), key=lambda one: one.digest != archive.digest)
    again = io.BytesIO()
    write_archive(layout, entries, archive.documents, again)
    assert again.getvalue() == data, "there is one archive of an artifact"


def test_more_files_than_an_artifact_has() -> None:
    names = sorted(f"blobs/sha256/{digest_of(b'%d' % number)[7:]}" for number in range(1025))
    data = b"".join(header(name, 0) for name in names) + bytes(1024)
    with pytest.raises(SealError) as caught:
        read_archive(io.BytesIO(data), lambda blob: list(blob.chunks()))
    assert caught.value.code is SealRefusal.TOO_LARGE


def test_a_file_has_to_be_read_before_the_next() -> None:
    reader = TarReader(io.BytesIO(header("index.json", 600) + bytes(2048)))
    assert reader.next() == ("index.json", 600)
    with pytest.raises(SealError):
        reader.next()


def test_most_cases_are_refusals() -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert refused >= 0.7 * len(CASES)
