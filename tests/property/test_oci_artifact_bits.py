"""One bit of a published artifact changed: refused, or it was not part of the artifact."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealing.errors import SealError
from sealing.oci.attachments import bundle_manifest
from sealing.oci.layout import OciLayout
from sealing.oci.reference import LayoutReference
from sealing.oci.transfer import Attachment, attach, pull, push
from sealing.signatures.statement import PREDICATE_TYPE
from sealing.unseal import VerifiedArtifact, verify_artifact
from tests.unit.sealing import makers
from tests.unit.sealing.oci import samples
from tests.unit.sealing.oci.samples import sealed

REFERENCE = LayoutReference(folder="any", tag="v1")


@dataclass(frozen=True)
class Published:
    folder: Path
    # Every file that is the artifact's own.
    own: frozenset[Path]


@pytest.fixture(scope="module", params=["alone", "beside others"])
def published(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Published:
    folder = tmp_path_factory.mktemp("published") / "layout"
    layout = OciLayout.create(folder)
    push(layout, sealed(), "v1")
    own = frozenset((folder / "blobs").rglob("*"))
    if request.param == "beside others":
        samples.publish(layout, samples.manifest(), tag="neighbour")
        for predicate_type in (PREDICATE_TYPE, "https://slsa.dev/provenance/v1"):
            theirs = bundle_manifest(
                sealed().manifest, b"theirs", predicate_type=predicate_type, created=makers.NOW
            )
            attach(layout, Attachment(theirs, b"theirs"))
    return Published(folder, own)


def verified(folder: Path) -> tuple[bytes, VerifiedArtifact] | None:
    """Return the verified artifact with its layer, or None if it was refused."""
    try:
        found = pull(OciLayout.open(folder), REFERENCE)
        owners = [makers.OWNER.public]
        artifact = verify_artifact(found.manifest, found.config, found.bundles, owners=owners)
    except SealError:
        return None
    return found.layer, artifact


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_refused_or_not_part_of_it(published: Published, data: st.DataObject) -> None:
    expected = verified(published.folder)
    assert expected is not None
    files = sorted(path for path in published.folder.rglob("*") if path.is_file())
    # The empty config of the referrer is known without being read.
    path = data.draw(st.sampled_from([path for path in files if path.read_bytes() != b"{}"]))
    whole = path.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    path.write_bytes(makers.flipped(whole, bit))
    try:
        found = verified(published.folder)
    finally:
        path.write_bytes(whole)
    assert found in ([None] if path in published.own else [None, expected])
