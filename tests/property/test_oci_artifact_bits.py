"""One bit of a published artifact changed: refused, or it was not part of the artifact."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealing.errors import SealError
from sealing.oci.layout import OciLayout
from sealing.oci.reference import LayoutReference
from sealing.oci.transfer import PulledArtifact, pull, push
from sealing.unseal import verify_artifact
from tests.unit.sealing import makers
from tests.unit.sealing.oci.samples import sealed

REFERENCE = LayoutReference(folder="any", tag="v1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("published") / "layout"
    push(OciLayout.create(path), sealed(), "v1")
    return path


def pulled(folder: Path) -> PulledArtifact | None:
    """Return the verified artifact, or None if it was refused."""
    try:
        found = pull(OciLayout.open(folder), REFERENCE)
        owners = [makers.OWNER.public]
        verify_artifact(found.manifest, found.config, found.bundles, owners=owners)
    except SealError:
        return None
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_refused_or_not_part_of_it(folder: Path, data: st.DataObject) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    # The empty config of the referrer is known without being read.
    path = data.draw(st.sampled_from([path for path in files if path.read_bytes() != b"{}"]))
    whole = path.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    path.write_bytes(makers.flipped(whole, bit))
    try:
        found = pulled(folder)
    finally:
        path.write_bytes(whole)
    if path.parent.name == "sha256":
        assert found is None
    else:
        assert found in (None, pulled(folder))
