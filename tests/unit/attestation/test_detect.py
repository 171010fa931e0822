"""Which TEE is found, in what order, and why the others are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestation.detect import Finding, Places, State, first_usable, look

NOWHERE = Path("/nowhere")


def places(tmp_path: Path, *there: str) -> Places:
    for name in there:
        (tmp_path / name).touch()
    return Places(*(tmp_path / name for name in ("tsm", "nsm", "tpm")))


def test_nothing_is_there(tmp_path: Path) -> None:
    findings = look(places(tmp_path))
    assert [one.state for one in findings] == [State.ABSENT] * 4
    assert all(one.why for one in findings)
    assert first_usable(findings) is None


def test_the_enclave_is_used_where_configfs_cannot_be(tmp_path: Path) -> None:
    tsm, nsm, azure, tpm = look(places(tmp_path, "tsm", "nsm", "tpm"))
    assert tsm.state is State.UNUSABLE
    assert "Not a directory" in tsm.why
    assert nsm.state is State.USABLE
    assert nsm.attester is not None
    assert nsm.attester.tee == "nitro"
    assert azure.state is tpm.state is State.UNUSABLE
    assert first_usable([tsm, nsm, azure, tpm]) is nsm.attester


@pytest.mark.parametrize("state", list(State))
def test_states_have_names_people_read(state: State) -> None:
    assert Finding("what", "where", state, "why").state.value.isalpha()
