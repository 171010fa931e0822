"""`export` and `import`: an artifact in one file, and the same artifact on the other side."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.desk import Desk, open_desk
from tests.fakes.registry import fake_registry


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch) -> Iterator[Desk]:
    with open_desk(tmp_path, capsys, monkeypatch) as desk:
        desk.settle()
        yield desk


def published(desk: Desk) -> str:
    return desk.document("publish", desk.path("app.wasm"))["reference"]


class TestThereAndBack:
    def test_it_verifies_on_the_other_side(self, desk):
        source = published(desk)
        desk.document("export", source, desk.path("app.tar"))
        with fake_registry() as registry:
            told = desk.document("import", desk.path("app.tar"), f"{registry.host}/inside/app")
            assert told["reference"].endswith(source.partition("@")[2])
            assert desk.document("verify", told["reference"])["verified"]
            (one,) = desk.document("list", f"{registry.host}/inside/app")["artifacts"]
            assert one["tag"] == "1"

    def test_the_older_signature_travels_along(self, desk):
        with fake_registry() as registry:
            place = f"{registry.host}/acme/app"
            source = desk.document("publish", desk.path("app.wasm"), place)["reference"]
            desk.document("export", source, desk.path("app.tar"))
            desk.document("import", desk.path("app.tar"), f"oci:{desk.path('inside')}:1")
        names = (desk.folder / "inside/index.json").read_text()
        assert f"sha256-{source.partition('@sha256:')[2]}.sig" in names

    def test_the_same_artifact_is_the_same_file(self, desk):
        source = published(desk)
        desk.document("export", source, desk.path("a.tar"))
        desk.document("copy", source, f"oci:{desk.path('elsewhere')}:1")
        desk.document("export", f"oci:{desk.path('elsewhere')}:1", desk.path("b.tar"))
        assert Path(desk.path("a.tar")).read_bytes() == Path(desk.path("b.tar")).read_bytes()

    def test_documents_travel_along(self, desk):
        source = published(desk)
        code, out, _ = desk.run("broker", "describe")
        assert code == 0
        desk.write("broker.json", out)
        desk.document(
            "export", source, desk.path("app.tar"), "--descriptor", desk.path("broker.json"),
            "--release-policy", desk.path("release.yaml"),
        )  # fmt: skip
        told = desk.document(
            "import", desk.path("app.tar"), f"oci:{desk.path('inside')}",
            "--documents", desk.path("came"),
        )  # fmt: skip
        assert told["documents"] == ["documents/broker.json", "documents/release.yaml"]
        for name in ("broker.json", "release.yaml"):
            assert (
                Path(desk.path(f"came/{name}")).read_bytes() == Path(desk.path(name)).read_bytes()
            )

    def test_gnu_tar_reads_it_and_writes_the_same(self, desk, tmp_path):
        tar = shutil.which("tar")
        if tar is None:
            pytest.skip("needs GNU tar: apt-get install tar")
        desk.document("export", published(desk), desk.path("app.tar"))
        folder = tmp_path / "unpacked"
        folder.mkdir()
        subprocess.run([tar, "-xf", desk.path("app.tar"), "-C", str(folder)], check=True)
        names = sorted(
            str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
        )
        like = "--format=ustar --owner=0 --group=0 --numeric-owner --mode=0644 --mtime=@0 -b1"
        again = subprocess.run(
            [tar, *like.split(), "-C", str(folder), "-cf", "-", *names],
            check=True,
            capture_output=True,
        )
        assert again.stdout == Path(desk.path("app.tar")).read_bytes()


class TestNothingHappens:
    def test_on_a_dry_run(self, desk):
        source = published(desk)
        before = desk.snapshot()
        told = desk.document("export", source, desk.path("app.tar"), "--dry-run")
        assert told["manifest"] == source.partition("@")[2]
        assert desk.snapshot() == before
        desk.document("export", source, desk.path("app.tar"))
        before = desk.snapshot()
        goal = f"oci:{desk.path('inside')}"
        told = desk.document("import", desk.path("app.tar"), goal, "--dry-run")
        assert told["reference"] == f"{goal}:1"
        assert desk.snapshot() == before

    def test_to_a_file_that_exists(self, desk):
        source = published(desk)
        desk.write("app.tar", "mine")
        assert desk.refused("export", source, desk.path("app.tar"))["code"] == "file-exists"
        assert Path(desk.path("app.tar")).read_text() == "mine"

    @pytest.mark.parametrize("cut", [0, 100, 512, 5000, -512, -1])
    def test_with_a_file_that_is_cut(self, desk, cut):
        desk.document("export", published(desk), desk.path("app.tar"))
        whole = Path(desk.path("app.tar")).read_bytes()
        desk.write("cut.tar", whole[:cut])
        before = desk.snapshot()
        error = desk.refused("import", desk.path("cut.tar"), f"oci:{desk.path('inside')}")
        assert error["code"] == "seal-store-malformed"
        assert desk.snapshot() == before, "no temporary file is left"

    @pytest.mark.parametrize(
        ("command", "code"),
        [
            ("export oci:none:1 {}/a.tar", "seal-not-found"),
            ("export {ref} {}/none/a.tar", "folder-not-found"),
            ("export {ref} {}/a.tar --release-policy {}/grant.yaml", "policy-unknown-kind"),
            ("export {ref} {}/a.tar --descriptor {}/grant.yaml", None),
            ("import {}/none.tar oci:x", "file-not-found"),
            ("import {}/grant.yaml oci:x", "seal-store-malformed"),
            ("import {}/shop oci:x", "is-a-folder"),
        ],
    )
    def test_with_what_is_wrong(self, desk, command, code):
        line = command.replace("{ref}", published(desk)).replace("{}", str(desk.folder))
        before = desk.snapshot()
        error = desk.refused(*line.split())
        assert error["code"] == code or (code is None and error["code"] != "internal-fault")
        assert desk.snapshot() == before

    def test_to_a_digest(self, desk):
        source = published(desk)
        desk.document("export", source, desk.path("app.tar"))
        assert desk.refused("import", desk.path("app.tar"), source)["code"] == "usage"

    def test_where_nothing_may_be_written(self, desk):
        if os.geteuid() == 0:
            pytest.skip("root may write anywhere: run the tests as another user")
        source = published(desk)
        (desk.folder / "closed").mkdir(mode=0o500)
        assert desk.refused("export", source, desk.path("closed/a.tar"))["code"] == (
            "permission-denied"
        )
