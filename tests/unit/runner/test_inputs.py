"""What a guest gets of what its caller offers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from policies.load import parse_document
from policies.models import CapabilityPolicy
from runner.errors import RunnerCode, RunnerError
from runner.inputs import Offer, nothing, parse_folders, take_inputs
from tests.fakes.story import grant


def granted(**spec: Any) -> CapabilityPolicy:
    document = parse_document(grant(**spec))
    assert isinstance(document, CapabilityPolicy)
    return document


def stdin_of(data: bytes) -> Any:
    return lambda count: data[:count]


def test_nothing_is_offered() -> None:
    inputs = take_inputs(Offer(), granted())
    assert (inputs.stdin, inputs.arguments, dict(inputs.environment)) == (b"", (), {})
    assert nothing(5) == b""


def test_standard_input_is_read_only_if_granted() -> None:
    def never(_count: int) -> bytes:
        pytest.fail("read although nobody granted it")

    assert take_inputs(Offer(read_stdin=never), granted()).stdin == b""


@pytest.mark.parametrize(("size", "fits"), [(0, True), (4, True), (5, False), (500, False)])
def test_standard_input_at_its_bound(size: int, fits: bool) -> None:
    policy = granted(stdin={"allow": True, "max-bytes": 4})
    offer = Offer(read_stdin=stdin_of(bytes(size)))
    if fits:
        assert len(take_inputs(offer, policy).stdin) == size
        return
    with pytest.raises(RunnerError) as caught:
        take_inputs(offer, policy)
    assert caught.value.code is RunnerCode.INPUT_TOO_LARGE


def test_only_variables_the_policy_takes_from_the_runner() -> None:
    policy = granted(env={"TOKEN": {"from": "runner"}, "LANG": {"value": "C"}})
    offered = {"TOKEN": "t", "LANG": "x", "HOME": "/root"}
    assert take_inputs(Offer(environment=offered), policy).environment == {"TOKEN": "t"}
    assert take_inputs(Offer(), policy).environment == {}


def test_folders_are_read_where_granted(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    mounts = [{"path": "/in", "source": "host"}, {"path": "/empty", "source": "empty"}]
    policy = granted(files=mounts)
    assert take_inputs(Offer(folders={"/in": tmp_path}), policy).trees["/in"].files == {"a": b"1"}
    assert take_inputs(Offer(), policy).trees == {}
    for wrong in ("/empty", "/", "/in/", "/other"):
        with pytest.raises(RunnerError) as caught:
            take_inputs(Offer(folders={wrong: tmp_path}), policy)
        assert caught.value.code is RunnerCode.INPUT_NOT_GRANTED


def test_digests_tell_inputs_apart(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    policy = granted(
        files=[{"path": "/in", "source": "host"}], stdin={"allow": True, "max-bytes": 4}
    )
    plain = take_inputs(Offer(), policy).digests()
    other = take_inputs(
        Offer(arguments=("x",), folders={"/in": tmp_path}, read_stdin=stdin_of(b"1")), policy
    ).digests()
    assert plain.environment == other.environment
    for name in ("arguments", "stdin", "files"):
        assert getattr(plain, name) != getattr(other, name)


def test_folder_options() -> None:
    assert parse_folders(["/a=b", "/c=/d=e"]) == {"/a": Path("b"), "/c": Path("/d=e")}


@pytest.mark.parametrize("options", [["/a"], ["a=b"], ["=b"], ["/a="], ["/a=b", "/a=c"]])
def test_folder_options_of_another_form(options: list[str]) -> None:
    with pytest.raises(RunnerError) as caught:
        parse_folders(options)
    assert caught.value.code is RunnerCode.INPUT_MALFORMED


def test_inputs_do_not_show_in_a_repr() -> None:
    offer = Offer(arguments=("secret",), environment={"A": "secret"}, read_stdin=stdin_of(b"x"))
    assert "secret" not in repr(offer)
    assert "secret" not in repr(take_inputs(offer, granted()))


@pytest.mark.parametrize(
    "offer",
    [
        Offer(arguments=("a", "\udcff")),
        Offer(arguments=("a\0b",)),
        Offer(environment={"TOKEN": "\udc80"}),
        Offer(environment={"TOKEN": "\0"}),
    ],
)
def test_what_is_no_text(offer: Offer) -> None:
    with pytest.raises(RunnerError) as caught:
        take_inputs(offer, granted())
    assert caught.value.code is RunnerCode.INPUT_MALFORMED


@pytest.mark.parametrize("arguments", [("a",) * 1025, ("\u00e9" * 65_537,)])
def test_more_arguments_than_anybody_can_grant(arguments: tuple[str, ...]) -> None:
    with pytest.raises(RunnerError) as caught:
        take_inputs(Offer(arguments=arguments), granted())
    assert caught.value.code is RunnerCode.INPUT_TOO_LARGE


def test_arguments_at_their_bounds() -> None:
    assert len(take_inputs(Offer(arguments=("",) * 1024), granted()).arguments) == 1024
    longest = ("\u00e9" * 65_536,)
    assert take_inputs(Offer(arguments=longest), granted()).arguments == longest
