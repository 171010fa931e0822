"""Every field of every kind of evidence is shown with what it means; nonsense is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from attestation.describe import describe
from attestation.describe.describe import DESCRIBERS
from attestation.describe.field import flags, text_of
from attestation.errors import EvidenceError
from attestation.evidence import PARTS, UnverifiedEvidence
from attestation.simulated.platforms import PLATFORMS
from tests.fakes.silicon import MEASUREMENT, REPORT_DATA, make_platform

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def evidence_of(tmp_path_factory: pytest.TempPathFactory):
    def make(tee: str) -> UnverifiedEvidence:
        folder = tmp_path_factory.mktemp(tee) / "platform"
        if tee == "snp":
            return make_platform(folder).launch(MEASUREMENT, extended=True).attest(REPORT_DATA)
        return PLATFORMS[tee].create(folder, now=NOW).launch(MEASUREMENT).attest(REPORT_DATA)

    return make


@pytest.mark.parametrize("tee", sorted(PLATFORMS))
def test_every_field_has_a_meaning(tee: str, evidence_of) -> None:
    fields = describe(evidence_of(tee))
    assert len(fields) > 8
    assert [one.name for one in fields if not one.meaning] == []
    bound = [one for one in fields if "bound to" in one.meaning]
    assert bound, "what the evidence is bound to is shown"


def test_every_kind_has_a_describer() -> None:
    assert DESCRIBERS.keys() == PARTS.keys()


@pytest.mark.parametrize("tee", sorted(DESCRIBERS))
@pytest.mark.parametrize("data", [b"", b"\0" * 2000, b"\xff" * 2000])
def test_nonsense_is_refused(tee: str, data: bytes) -> None:
    required, _ = PARTS[tee]
    with pytest.raises(EvidenceError):
        describe(UnverifiedEvidence(tee, dict.fromkeys(required, data)))


def test_parts_of_a_stranger_are_shown_as_bytes() -> None:
    (one,) = describe(UnverifiedEvidence("abacus", {"beads": b"\1" * 99}))
    assert (one.name, one.value) == ("beads", f"{'01' * 64}... (99 bytes)")


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), ((b"\1", 2), "01, 2"), ({"a": b"\1"}, "a: 01"), (None, "None"), (NOW, None)],
)
def test_values_as_text(value: object, text: str | None) -> None:
    assert text_of(value) == (NOW.isoformat() if text is None else text)


def test_bits_without_a_name_are_shown() -> None:
    shown = flags("part", 0b101, {0: ("ONE", "first")})
    assert [(one.name, one.value) for one in shown] == [("bit 0 ONE", "1"), ("other bits", "0x4")]
