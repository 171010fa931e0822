"""Any text is a reference that is written back the same, or our error; nothing else escapes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealing.errors import SealError, SealRefusal
from sealing.oci.reference import LayoutReference, Reference, RegistryReference, is_digest

HOSTS = ["localhost", "registry.example.com", "127.0.0.1", "[::1]", ":5000", "oci:"]
SIGNS = ["/", ":", "@", ".", "..", "-", "_", "__", "%", "\n", "\0", "é"]
PIECES = st.sampled_from([*HOSTS, *SIGNS, "a", "Z", "0", "v1", "sha256:", "a" * 64])
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=9).map("".join))


def parsed(text: str) -> LayoutReference | RegistryReference | SealRefusal:
    try:
        return Reference.parse(text)
    except SealError as error:
        return error.code


@given(TEXTS)
def test_value_or_our_error_and_round_trip(text: str) -> None:
    reference = parsed(text)
    if isinstance(reference, SealRefusal):
        assert reference is SealRefusal.REFERENCE_INVALID
        return
    assert str(reference) == text
    assert Reference.parse(str(reference)) == reference
    assert reference.tag is None or reference.digest is None


@given(TEXTS)
def test_only_a_folder_can_hold_a_parent_path(text: str) -> None:
    reference = parsed(text)
    if isinstance(reference, SealRefusal):
        return
    if isinstance(reference, RegistryReference):
        assert not {"", ".", ".."} & set(reference.repository.split("/"))
    target = reference.tag or reference.digest or "latest"
    assert "/" not in target
    assert target not in {".", ".."}
    assert is_digest(target) == (reference.digest is not None)
