from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sealing.canonical import encode
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.attachments import bundle_manifest
from sealing.oci.attestations import bundles_about, simple_signatures
from sealing.oci.blob import Blob
from sealing.oci.descriptor import EMPTY_TYPE, MANIFEST_TYPE, Descriptor
from sealing.oci.layout import OciLayout
from sealing.oci.transfer import Attachment, attach, push
from sealing.signatures.bundle import BUNDLE_TYPE, sign_bundle
from sealing.signatures.cosign import PAYLOAD_TYPE, simple_signature
from sealing.signatures.sigstore import PROVENANCE, statement_bytes
from tests.unit.sealing import makers
from tests.unit.sealing.oci.samples import publish, referrer, refusal, sealed, to_json

DIGEST = sealed().manifest_digest
SIGNATURE_TAG = DIGEST.replace(":", "-") + ".sig"


@pytest.fixture
def layout(tmp_path: Path) -> OciLayout:
    layout = OciLayout.create(tmp_path)
    simple = simple_signature(DIGEST, "registry.example/a", makers.OWNER)
    push(layout, sealed(), "v1", simple=simple)
    return layout


def provenance(number: int = 0) -> Attachment:
    statement = statement_bytes(DIGEST, PROVENANCE, {"number": number})
    bundle = sign_bundle(statement, makers.OWNER)
    manifest = bundle_manifest(
        sealed().manifest, bundle, predicate_type=PROVENANCE, created=makers.NOW
    )
    return Attachment(manifest, bundle)


def test_bundles_of_every_predicate_are_found(layout: OciLayout) -> None:
    attach(layout, provenance())
    assert set(bundles_about(layout, DIGEST)) == {sealed().bundle, provenance().bundle}
    assert bundles_about(layout, "sha256:" + "00" * 32) == ()


class ListsByConfig(OciLayout):
    """A store whose list of referrers was written by cosign: by the type of the config."""

    def referrers(self, digest: str, *, artifact_type: str) -> tuple[Descriptor, ...]:
        if artifact_type == EMPTY_TYPE:
            return super().referrers(digest, artifact_type=BUNDLE_TYPE)
        return ()


def test_bundles_that_cosign_lists_are_found(layout: OciLayout, tmp_path: Path) -> None:
    assert bundles_about(ListsByConfig.open(tmp_path), DIGEST) == (sealed().bundle,)


def test_what_is_no_bundle_is_passed_over(layout: OciLayout) -> None:
    publish(layout, referrer(sealed().manifest, kind=BUNDLE_TYPE))
    assert bundles_about(layout, DIGEST) == (sealed().bundle,)


class Broken(OciLayout):
    """A store behind a line that breaks at the first manifest."""

    def get_manifest(self, target: str) -> bytes:
        raise SealError(SealRefusal.UNREACHABLE, "the line broke")


def test_a_line_that_breaks_is_said(layout: OciLayout, tmp_path: Path) -> None:
    broken = Broken.open(tmp_path)
    assert refusal(bundles_about, broken, DIGEST) == SealRefusal.UNREACHABLE
    assert refusal(simple_signatures, broken, DIGEST) == SealRefusal.UNREACHABLE


def test_no_more_is_looked_at_than_somebody_would_read(
    layout: OciLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ATTESTATIONS", 2)
    for number in range(2):
        attach(layout, provenance(number))
    assert len(bundles_about(layout, DIGEST)) == 2


def signature_image(*layers: dict[str, Any]) -> bytes:
    config = Descriptor.of(b"{}", "application/vnd.oci.image.config.v1+json").to_document()
    return to_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": config,
            "layers": list(layers),
        }
    )


def test_signatures_of_the_tag_are_found_and_other_layers_are_not(layout: OciLayout) -> None:
    (ours,) = simple_signatures(layout, DIGEST)
    assert json.loads(ours.payload)["critical"]["image"] == {"docker-manifest-digest": DIGEST}
    layer = Descriptor.of(ours.payload, PAYLOAD_TYPE).to_document()
    note = {"dev.cosignproject.cosign/signature": ours.signature}
    image = signature_image(
        layer | {"annotations": note, "mediaType": "text/plain"},
        layer,
        layer | {"annotations": note, "size": 1 << 20},
        layer | {"annotations": note},
    )
    layout.put_blob(Blob.of(b"{}"))
    layout.put_manifest(signature_image(layer | {"annotations": note}), tag="x")
    assert simple_signatures(_Only(layout, image), DIGEST) == (ours,)
    assert simple_signatures(layout, "sha256:" + "00" * 32) == ()


class _Only:
    """A store whose every tag is one manifest."""

    def __init__(self, layout: OciLayout, image: bytes) -> None:
        self._image = image
        self.get_blob = layout.get_blob

    def get_manifest(self, _target: str) -> bytes:
        return self._image


def test_a_signature_tag_that_is_no_image_is_passed_over(
    layout: OciLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    for image in (b"[]", encode({}), b"no JSON"):
        assert simple_signatures(_Only(layout, image), DIGEST) == ()
    monkeypatch.setattr(limits, "ATTESTATIONS", 0)
    assert simple_signatures(layout, DIGEST) == ()
