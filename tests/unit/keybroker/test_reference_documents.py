"""Reference values of a broker: bare, or signed by its operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from attestation.errors import EvidenceError, Refusal
from attestation.reference import ReferenceValues
from keybroker.errors import BrokerError
from keybroker.settings.config import parse_config
from keybroker.settings.initialise import EvidenceFiles, NewBroker, init_broker
from keybroker.settings.models import load_settings
from keybroker.settings.reference_documents import read_references, sign_references
from sealing.errors import SealError, SealRefusal
from sealing.keys import SigningKey
from tests.fakes.silicon import MEASUREMENT, NOW
from tests.fakes.world import references
from tests.vectors.arm_cases import REAL_IDS, anchor, anchor_list
from tests.vectors.cca_world import P256

OPERATOR, STRANGER = SigningKey.generate("ed25519"), SigningKey.generate("ed25519")
VALUES = ReferenceValues.parse(references(MEASUREMENT))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    new = NewBroker(OPERATOR.public, "broker.example/log", EvidenceFiles(VALUES.to_bytes()))
    init_broker(tmp_path / "broker", new, now=NOW)
    return tmp_path / "broker"


def settings(folder: Path) -> Any:
    return load_settings(folder, parse_config((folder / "broker.yaml").read_bytes()))


def test_a_bare_document_counts(folder: Path) -> None:
    assert settings(folder).trust.references == VALUES


def test_a_signed_one_is_the_operators(folder: Path) -> None:
    (folder / "references.json").write_bytes(sign_references(VALUES, [OPERATOR]))
    assert settings(folder).trust.references == VALUES
    (folder / "references.json").write_bytes(sign_references(VALUES, [STRANGER]))
    with pytest.raises(BrokerError, match="is not expected"):
        settings(folder)


def test_device_keys_may_come_in_lists(folder: Path) -> None:
    path = folder / "broker.yaml"
    document = yaml.safe_load(path.read_bytes())
    document["evidence"]["keys"] = {"cca": ["cca.json"]}
    path.write_text(yaml.safe_dump(document))
    (folder / "cca.json").write_bytes(anchor_list(anchor(P256)))
    (key,) = settings(folder).trust.anchors.keys_for("cca")
    assert key.instance_id == REAL_IDS.instance


def test_who_signed_has_to_be_named() -> None:
    signed = sign_references(VALUES, [OPERATOR])
    assert read_references(signed, [STRANGER.public, OPERATOR.public]) == VALUES
    with pytest.raises(EvidenceError) as caught:
        read_references(signed, [])
    assert caught.value.code is Refusal.UNTRUSTED_KEY
    with pytest.raises(SealError) as unknown:
        read_references(signed, [STRANGER.public])
    assert unknown.value.code is SealRefusal.SIGNER_UNKNOWN
    with pytest.raises(SealError):
        read_references(VALUES.to_bytes(), [OPERATOR.public])
