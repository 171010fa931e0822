"""References: what the vectors do not say (parts, changes of target, loopback)."""

from __future__ import annotations

import pytest

from sealing.errors import SealError, SealRefusal
from sealing.oci.reference import (
    LayoutReference,
    Reference,
    RegistryReference,
    check_digest,
    check_tag,
    is_digest,
    is_loopback_host,
)

DIGEST = "sha256:" + "0123456789abcdef" * 4


def test_parts_of_a_registry_reference() -> None:
    reference = Reference.parse(f"registry.example.com:5000/acme/scoring@{DIGEST}")
    assert reference == RegistryReference(
        registry="registry.example.com:5000", repository="acme/scoring", digest=DIGEST
    )
    assert isinstance(reference, RegistryReference)
    assert reference.host == "registry.example.com"


def test_parts_of_a_layout_reference() -> None:
    assert Reference.parse("oci:out:v1") == LayoutReference(folder="out", tag="v1")


@pytest.mark.parametrize("text", ["oci:out:v1", "localhost:5000/a:v1"])
def test_change_of_target_drops_the_other(text: str) -> None:
    reference = Reference.parse(text)
    by_digest = reference.with_digest(DIGEST)
    assert str(by_digest) == f"{reference.location}@{DIGEST}"
    assert by_digest.with_tag("v1") == reference


@pytest.mark.parametrize("tag", ["", "a:b", "a/b", "..", "x" * 129])
def test_built_by_hand_obeys_the_grammar_too(tag: str) -> None:
    with pytest.raises(SealError) as caught:
        LayoutReference(folder="out", tag=tag)
    assert caught.value.code is SealRefusal.REFERENCE_INVALID


def test_tag_and_digest_together_are_refused() -> None:
    with pytest.raises(SealError) as caught:
        LayoutReference(folder="out", tag="v1", digest=DIGEST)
    assert caught.value.code is SealRefusal.REFERENCE_INVALID


def test_surrogates_from_the_command_line_are_refused() -> None:
    with pytest.raises(SealError) as caught:
        Reference.parse("oci:out\udcff")
    assert caught.value.code is SealRefusal.REFERENCE_INVALID


def test_host_named_like_the_prefix_is_refused() -> None:
    with pytest.raises(SealError):
        RegistryReference(registry="oci:5000", repository="a")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.255.255", True),
        ("::1", True),
        ("::ffff:127.0.0.1", False),
        ("128.0.0.1", False),
        ("126.255.255.255", False),
        ("0.0.0.0", False),
        ("localhost.example.com", False),
        ("notlocalhost", False),
    ],
)
def test_loopback_is_read_off_the_name(host: str, *, loopback: bool) -> None:
    assert is_loopback_host(host) is loopback


@pytest.mark.parametrize("text", ["[::1]:5000/a:v1", "127.0.0.1/a:v1", "localhost/a:v1"])
def test_loopback_registry(text: str) -> None:
    reference = Reference.parse(text)
    assert isinstance(reference, RegistryReference)
    assert reference.is_loopback


def test_digest_and_tag_never_look_alike() -> None:
    check_tag("sha256-" + "a" * 64 + ".sig")
    check_digest(DIGEST)
    assert is_digest(DIGEST)
    assert not is_digest("v1")
    with pytest.raises(SealError):
        check_tag(DIGEST)
    with pytest.raises(SealError):
        check_digest("v1")
