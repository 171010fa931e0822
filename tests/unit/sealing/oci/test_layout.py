"""Image-layout folders: what is written, what is refused, and that nothing is half there."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from sealing import limits as format_limits
from sealing.canonical import digest_of
from sealing.errors import SealRefusal
from sealing.oci import limits
from sealing.oci.blob import Blob
from sealing.oci.descriptor import INDEX_TYPE, MANIFEST_TYPE, Descriptor
from sealing.oci.index import REF_NAME
from sealing.oci.layout import OciLayout
from tests.unit.sealing.oci import samples
from tests.unit.sealing.oci.samples import refusal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def layout(folder: Path) -> OciLayout:
    return OciLayout.create(folder)


def blob_path(folder: Path, data: bytes) -> Path:
    return folder / "blobs" / "sha256" / digest_of(data).removeprefix("sha256:")


def index_of(folder: Path) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = json.loads((folder / "index.json").read_bytes())["manifests"]
    return entries


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.startswith(".")]


class TestCreate:
    def test_writes_the_three_parts(self, layout: OciLayout, folder: Path) -> None:
        assert (folder / "oci-layout").read_bytes() == b'{"imageLayoutVersion":"1.0.0"}'
        assert json.loads((folder / "index.json").read_bytes()) == {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [],
        }
        assert (folder / "blobs" / "sha256").is_dir()

    def test_again_keeps_what_is_there(self, layout: OciLayout, folder: Path) -> None:
        samples.publish(layout, samples.manifest(), tag="v1")
        assert OciLayout.create(folder).get_manifest("v1") == samples.manifest()

    def test_goes_on_where_it_was_interrupted(self, layout: OciLayout, folder: Path) -> None:
        (folder / "oci-layout").unlink()
        (folder / ".sealwasm-0123").write_bytes(b"half")
        OciLayout.create(folder)
        assert OciLayout.open(folder)

    def test_refuses_a_folder_of_other_things(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "thesis.txt").touch()
        assert refusal(OciLayout.create, folder) is SealRefusal.STORE_MALFORMED
        assert [path.name for path in folder.iterdir()] == ["thesis.txt"]

    def test_refuses_a_file(self, folder: Path) -> None:
        folder.touch()
        assert refusal(OciLayout.create, folder) is SealRefusal.STORE_UNUSABLE

    def test_refuses_a_missing_parent(self, folder: Path) -> None:
        assert refusal(OciLayout.create, folder / "x") is SealRefusal.STORE_UNUSABLE


class TestOpen:
    def test_no_folder(self, folder: Path) -> None:
        assert refusal(OciLayout.open, folder) is SealRefusal.NOT_FOUND

    def test_no_marker(self, tmp_path: Path) -> None:
        assert refusal(OciLayout.open, tmp_path) is SealRefusal.NOT_FOUND

    @pytest.mark.parametrize("size", [limits.MARKER_BYTES, limits.MARKER_BYTES + 1])
    def test_size_of_the_marker(self, layout: OciLayout, folder: Path, size: int) -> None:
        marker = (folder / "oci-layout").read_bytes()
        (folder / "oci-layout").write_bytes(marker.ljust(size))
        if size > limits.MARKER_BYTES:
            assert refusal(OciLayout.open, folder) is SealRefusal.TOO_LARGE
        else:
            OciLayout.open(folder)


class TestBlobs:
    @pytest.mark.parametrize("size", [0, 1, limits.CHUNK_BYTES, limits.CHUNK_BYTES + 1])
    def test_round_trip(self, layout: OciLayout, folder: Path, size: int) -> None:
        data = b"x" * size
        layout.put_blob(Blob.of(data))
        assert layout.get_blob(digest_of(data), size) == data
        assert layout.has_blob(digest_of(data), size)
        assert not leftovers(folder)

    def test_absent(self, layout: OciLayout) -> None:
        assert refusal(layout.get_blob, samples.ABSENT, 1) is SealRefusal.NOT_FOUND
        assert not layout.has_blob(samples.ABSENT, 1)

    @pytest.mark.parametrize("digest", ["sha256:../../../etc/passwd", "sha256:", "sha512:00"])
    def test_digest_is_no_path(self, layout: OciLayout, digest: str) -> None:
        assert refusal(layout.get_blob, digest, 1) is SealRefusal.REFERENCE_INVALID

    @pytest.mark.parametrize("size", [-1, format_limits.MODULE_BYTES + 1])
    def test_size_out_of_bounds(self, layout: OciLayout, size: int) -> None:
        assert refusal(layout.get_blob, samples.ABSENT, size) is SealRefusal.TOO_LARGE

    def test_largest_size_is_only_absent(self, layout: OciLayout) -> None:
        size = format_limits.MODULE_BYTES
        assert refusal(layout.get_blob, samples.ABSENT, size) is SealRefusal.NOT_FOUND

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (samples.LAYER[:-1], SealRefusal.SIZE_MISMATCH),
            (samples.LAYER + b"\0", SealRefusal.SIZE_MISMATCH),
            (b"\1" + samples.LAYER[1:], SealRefusal.DIGEST_MISMATCH),
            (b"", SealRefusal.SIZE_MISMATCH),
        ],
    )
    def test_damaged_is_refused_and_healed_by_the_next_put(
        self, layout: OciLayout, folder: Path, content: bytes, code: SealRefusal
    ) -> None:
        samples.publish(layout, samples.manifest())
        blob_path(folder, samples.LAYER).write_bytes(content)
        digest, size = digest_of(samples.LAYER), len(samples.LAYER)
        assert refusal(layout.get_blob, digest, size) is code
        assert not layout.has_blob(digest, size)
        layout.put_blob(Blob.of(samples.LAYER))
        assert layout.get_blob(digest, size) == samples.LAYER

    @pytest.mark.parametrize(
        "data", [samples.LAYER[:-1], samples.LAYER + b"x", samples.LAYER[::-1]]
    )
    def test_source_that_changed_leaves_nothing(
        self, layout: OciLayout, folder: Path, data: bytes
    ) -> None:
        changed = replace(Blob.of(samples.LAYER), chunks=Blob.of(data).chunks)
        refusal(layout.put_blob, changed)
        assert not list((folder / "blobs" / "sha256").iterdir())

    def test_source_that_breaks_leaves_nothing(self, layout: OciLayout, folder: Path) -> None:
        def chunks() -> Iterator[bytes]:
            yield samples.LAYER[:100]
            raise OSError(5, "input/output error")

        broken = replace(Blob.of(samples.LAYER), chunks=chunks)
        assert refusal(layout.put_blob, broken) is SealRefusal.STORE_UNUSABLE
        assert not list((folder / "blobs" / "sha256").iterdir())


class TestSpecialFiles:
    def replaced(
        self, layout: OciLayout, folder: Path, make: Callable[[Path], None]
    ) -> SealRefusal:
        samples.publish(layout, samples.manifest(), tag="v1")
        path = blob_path(folder, samples.LAYER)
        path.rename(folder.parent / "elsewhere")
        make(path)
        return refusal(layout.get_blob, digest_of(samples.LAYER), len(samples.LAYER))

    def test_link_to_the_right_bytes(self, layout: OciLayout, folder: Path) -> None:
        make = partial(os.symlink, folder.parent / "elsewhere")
        assert self.replaced(layout, folder, make) is SealRefusal.STORE_MALFORMED

    def test_put_does_not_write_over_a_link(self, layout: OciLayout, folder: Path) -> None:
        self.replaced(layout, folder, partial(os.symlink, folder.parent / "elsewhere"))
        assert refusal(layout.put_blob, Blob.of(samples.LAYER)) is SealRefusal.STORE_MALFORMED

    def test_named_pipe(self, layout: OciLayout, folder: Path) -> None:
        assert self.replaced(layout, folder, os.mkfifo) is SealRefusal.STORE_MALFORMED

    def test_folder(self, layout: OciLayout, folder: Path) -> None:
        assert self.replaced(layout, folder, os.mkdir) is SealRefusal.STORE_MALFORMED

    @pytest.mark.parametrize("name", ["blobs", "blobs/sha256"])
    def test_linked_folder(self, layout: OciLayout, folder: Path, name: str) -> None:
        samples.publish(layout, samples.manifest())
        (folder / name).rename(folder.parent / "elsewhere")
        (folder / name).symlink_to(folder.parent / "elsewhere")
        code = refusal(layout.get_blob, digest_of(samples.CONFIG), len(samples.CONFIG))
        assert code is SealRefusal.STORE_MALFORMED

    @pytest.mark.parametrize("name", ["index.json", "oci-layout"])
    def test_linked_file(self, layout: OciLayout, folder: Path, name: str) -> None:
        (folder / name).rename(folder.parent / "elsewhere")
        (folder / name).symlink_to(folder.parent / "elsewhere")
        code = refusal(lambda: OciLayout.open(folder).resolve("v1"))
        assert code is SealRefusal.STORE_MALFORMED

    def test_the_callers_own_link_to_the_folder_is_followed(
        self, layout: OciLayout, folder: Path
    ) -> None:
        samples.publish(layout, samples.manifest(), tag="v1")
        (folder.parent / "link").symlink_to(folder)
        assert OciLayout.open(folder.parent / "link").get_manifest("v1") == samples.manifest()


class TestManifests:
    def test_by_tag_and_by_digest(self, layout: OciLayout) -> None:
        data = samples.manifest()
        digest = samples.publish(layout, data, tag="v1")
        assert digest == digest_of(data)
        assert layout.get_manifest("v1") == layout.get_manifest(digest) == data
        resolved = layout.resolve("v1")
        assert (resolved.digest, resolved.size, resolved.media_type) == (
            digest, len(data), MANIFEST_TYPE,
        )  # fmt: skip

    def test_absent_tag(self, layout: OciLayout) -> None:
        assert refusal(layout.resolve, "v1") is SealRefusal.NOT_FOUND

    def test_a_tag_that_is_none(self, layout: OciLayout) -> None:
        assert refusal(layout.resolve, "../v1") is SealRefusal.REFERENCE_INVALID
        assert (
            refusal(layout.put_manifest, samples.manifest(), tag="a/b")
            is SealRefusal.REFERENCE_INVALID
        )

    @pytest.mark.parametrize("more", [0, 1])
    def test_size(self, layout: OciLayout, more: int) -> None:
        data = samples.manifest().ljust(format_limits.MANIFEST_BYTES + more)
        layout.put_blob(Blob.of(data))
        if more:
            assert refusal(layout.get_manifest, digest_of(data)) is SealRefusal.TOO_LARGE
        else:
            assert layout.get_manifest(digest_of(data)) == data

    def test_number_of_layers(self, layout: OciLayout) -> None:
        layer = Descriptor.of(samples.LAYER, "application/octet-stream").to_document()
        samples.publish(layout, samples.manifest(layers=[layer] * limits.INDEX_ENTRIES))
        more = samples.manifest(layers=[layer] * (limits.INDEX_ENTRIES + 1))
        assert refusal(samples.publish, layout, more) is SealRefusal.TOO_LARGE

    def test_blobs_come_first(self, layout: OciLayout, folder: Path) -> None:
        assert refusal(layout.put_manifest, samples.manifest(), tag="v1") is SealRefusal.NOT_FOUND
        assert index_of(folder) == []

    def test_blob_of_another_size_is_not_the_blob(self, layout: OciLayout, folder: Path) -> None:
        samples.publish(layout, samples.manifest())
        blob_path(folder, samples.LAYER).write_bytes(b"short")
        assert refusal(layout.put_manifest, samples.manifest(note="x")) is SealRefusal.SIZE_MISMATCH

    def test_a_tag_moves_and_the_old_manifest_stays(self, layout: OciLayout, folder: Path) -> None:
        old = samples.publish(layout, samples.manifest(), tag="v1")
        new = samples.publish(layout, samples.manifest(note="new"), tag="v1")
        assert layout.resolve("v1").digest == new
        assert layout.get_manifest(old) == samples.manifest()
        assert [(entry["digest"], entry.get("annotations")) for entry in index_of(folder)] == [
            (old, None),
            (new, {REF_NAME: "v1"}),
        ]

    def test_two_tags_one_manifest(self, layout: OciLayout, folder: Path) -> None:
        for tag in ("v1", "v2", "v1"):
            samples.publish(layout, samples.manifest(), tag=tag)
        samples.publish(layout, samples.manifest())
        assert layout.resolve("v1") == layout.resolve("v2")
        names = [entry["annotations"] for entry in index_of(folder)]
        assert sorted(map(str, names)) == sorted(map(str, [{REF_NAME: "v1"}, {REF_NAME: "v2"}]))

    def test_untagged_is_listed_once_and_takes_a_tag(self, layout: OciLayout, folder: Path) -> None:
        samples.publish(layout, samples.manifest())
        samples.publish(layout, samples.manifest())
        assert len(index_of(folder)) == 1
        samples.publish(layout, samples.manifest(), tag="v1")
        assert [entry["annotations"] for entry in index_of(folder)] == [{REF_NAME: "v1"}]

    def test_what_other_tools_wrote_is_kept(self, layout: OciLayout, folder: Path) -> None:
        samples.publish(layout, samples.manifest(), tag="v1")
        index = json.loads((folder / "index.json").read_bytes())
        index["annotations"] = {"theirs": "kept"}
        index["manifests"][0]["annotations"]["theirs"] = "kept"
        index["manifests"][0]["platform"] = {"architecture": "wasm", "os": "wasip1"}
        (folder / "index.json").write_bytes(samples.to_json(index))
        samples.publish(layout, samples.manifest(note="new"), tag="v1")
        after = json.loads((folder / "index.json").read_bytes())
        assert after["annotations"] == {"theirs": "kept"}
        assert after["manifests"][0]["annotations"] == {"theirs": "kept"}
        assert after["manifests"][0]["platform"] == {"architecture": "wasm", "os": "wasip1"}

    @pytest.mark.parametrize(
        "theirs",
        [
            "text",
            None,
            {"mediaType": MANIFEST_TYPE},
            {"mediaType": MANIFEST_TYPE, "digest": "sha512:" + "0" * 128, "size": 1},
            {"annotations": []},
            {"annotations": {REF_NAME: 1}},
        ],
    )
    def test_entries_of_another_form_are_kept(
        self, layout: OciLayout, folder: Path, theirs: object
    ) -> None:
        index = {"schemaVersion": 2, "manifests": [theirs]}
        (folder / "index.json").write_bytes(samples.to_json(index))
        samples.publish(layout, samples.manifest(), tag="v1")
        samples.publish(layout, samples.manifest(note="2"))
        samples.publish(layout, samples.manifest(note="3"), tag="v1")
        assert layout.get_manifest("v1") == samples.manifest(note="3")
        assert index_of(folder)[0] == theirs
        assert len(index_of(folder)) == 4

    def test_an_entry_of_another_form_that_has_the_tag_loses_it(
        self, layout: OciLayout, folder: Path
    ) -> None:
        index = {"schemaVersion": 2, "manifests": [{"annotations": {REF_NAME: "v1", "x": 1}}]}
        (folder / "index.json").write_bytes(samples.to_json(index))
        assert refusal(layout.get_manifest, "v1") is SealRefusal.MALFORMED
        samples.publish(layout, samples.manifest(), tag="v1")
        assert layout.get_manifest("v1") == samples.manifest()
        assert index_of(folder)[0] == {"annotations": {"x": 1}}

    @pytest.mark.parametrize(
        "wrong", [{"size": 1}, {"mediaType": INDEX_TYPE}, {"annotations": "text"}]
    )
    def test_a_wrong_entry_does_not_stand_for_the_right_one(
        self, layout: OciLayout, folder: Path, wrong: dict[str, object]
    ) -> None:
        note = samples.referrer(samples.manifest())
        entry = Descriptor.of(note, MANIFEST_TYPE).to_document() | wrong
        index = {"schemaVersion": 2, "manifests": [entry]}
        (folder / "index.json").write_bytes(samples.to_json(index))
        samples.publish(layout, note)
        digest = digest_of(samples.manifest())
        (found,) = layout.referrers(digest, artifact_type=samples.NOTE_TYPE)
        assert found.digest == digest_of(note)

    def test_list_has_a_longest_length(
        self, layout: OciLayout, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "INDEX_ENTRIES", 2)
        samples.publish(layout, samples.manifest(note="1"))
        samples.publish(layout, samples.manifest(note="2"))
        before = (folder / "index.json").read_bytes()
        assert refusal(samples.publish, layout, samples.manifest(note="3")) is SealRefusal.TOO_LARGE
        assert (folder / "index.json").read_bytes() == before

    def test_writers_at_once_lose_nothing(self, layout: OciLayout) -> None:
        def publish(number: int) -> None:
            samples.publish(layout, samples.manifest(note=str(number)), tag=f"v{number}")

        threads = [threading.Thread(target=publish, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in range(8):
            assert layout.get_manifest(f"v{number}") == samples.manifest(note=str(number))


class TestReferrers:
    def test_none(self, layout: OciLayout) -> None:
        digest = samples.publish(layout, samples.manifest(), tag="v1")
        assert layout.referrers(digest, artifact_type=samples.NOTE_TYPE) == ()

    def test_found_by_subject_and_type(self, layout: OciLayout, folder: Path) -> None:
        subject = samples.manifest()
        digest = samples.publish(layout, subject, tag="v1")
        note = samples.referrer(subject, note="1")
        samples.publish(layout, note)
        samples.publish(layout, samples.referrer(subject, kind="application/vnd.example.other"))
        samples.publish(layout, samples.referrer(samples.manifest(note="another")))
        (found,) = layout.referrers(digest, artifact_type=samples.NOTE_TYPE)
        assert (found.digest, found.annotations) == (digest_of(note), {"note": "1"})
        listed = index_of(folder)[1]
        assert (listed["artifactType"], listed["annotations"]) == (samples.NOTE_TYPE, {"note": "1"})

    def test_listed_twice_is_found_once(self, layout: OciLayout, folder: Path) -> None:
        digest = samples.publish(layout, samples.manifest(), tag="v1")
        samples.publish(layout, samples.referrer(samples.manifest()))
        index = json.loads((folder / "index.json").read_bytes())
        index["manifests"].append(index["manifests"][-1] | {"annotations": {REF_NAME: "note"}})
        (folder / "index.json").write_bytes(samples.to_json(index))
        assert len(layout.referrers(digest, artifact_type=samples.NOTE_TYPE)) == 1

    def test_each_manifest_is_looked_into_once(
        self, layout: OciLayout, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        subjects = [samples.manifest(note=f"{number}") for number in range(5)]
        digests = [samples.publish(layout, subject) for subject in subjects]
        for subject in subjects:
            samples.publish(layout, samples.referrer(subject))
        read: list[object] = []
        usual = layout._facts_or_none
        monkeypatch.setattr(
            OciLayout, "_facts_or_none", lambda _, entry: (read.append(entry), usual(entry))[1]
        )
        for digest in digests:
            assert len(layout.referrers(digest, artifact_type=samples.NOTE_TYPE)) == 1
        assert len(read) < 2 * len(index_of(folder))

    def test_damaged_one_is_found_when_it_is_put_again(
        self, layout: OciLayout, folder: Path
    ) -> None:
        subject = samples.manifest()
        digest, note = samples.publish(layout, subject), samples.referrer(subject)
        samples.publish(layout, note)
        blob_path(folder, note).write_bytes(b"damaged")
        assert layout.referrers(digest, artifact_type=samples.NOTE_TYPE) == ()
        layout.put_manifest(note)
        assert len(layout.referrers(digest, artifact_type=samples.NOTE_TYPE)) == 1

    def test_type_of_the_config_stands_in(self, layout: OciLayout) -> None:
        subject = samples.manifest()
        digest = samples.publish(layout, subject)
        samples.publish(layout, samples.referrer(subject, kind=None))
        kind = "application/vnd.oci.empty.v1+json"
        assert len(layout.referrers(digest, artifact_type=kind)) == 1

    def test_subject_needs_to_be_a_digest(self, layout: OciLayout) -> None:
        assert refusal(layout.referrers, "v1", artifact_type="x") is SealRefusal.REFERENCE_INVALID

    def test_other_indexes_are_passed_over(self, layout: OciLayout) -> None:
        digest = samples.publish(layout, samples.manifest(), tag="v1")
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}
        layout.put_manifest(samples.to_json(index), tag="all")
        assert layout.referrers(digest, artifact_type=samples.NOTE_TYPE) == ()


class TestTheLock:
    @pytest.fixture
    def held(self, layout: OciLayout, folder: Path) -> Iterator[int]:
        """Hold the lock as another user may who can only read the folder; give what releases it."""
        fd = os.open(folder, os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
        os.close(fd)

    @pytest.mark.usefixtures("held")
    def test_is_not_waited_for_without_end(
        self, layout: OciLayout, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waits: list[float] = []
        monkeypatch.setattr("sealing.oci.files.sleep", waits.append)
        code = refusal(samples.publish, layout, samples.manifest(), tag="v1")
        assert code is SealRefusal.STORE_UNUSABLE
        assert sum(waits) == pytest.approx(30, rel=0.01)
        assert layout.tags() == ()

    def test_is_taken_once_it_is_free(
        self, layout: OciLayout, held: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sealing.oci.files.sleep", lambda _: fcntl.flock(held, fcntl.LOCK_UN))
        samples.publish(layout, samples.manifest(), tag="v1")
        assert layout.tags() == ("v1",)
