"""Inputs: what is not granted is refused, and so is a grant whose input does not come."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from runner.engine import RunInputs
from runner.errors import RunnerCode, RunnerError
from tests.fakes.guest import FakeGuest
from tests.guests.policies import folder

HOST = folder(source="host")


def refusal(inputs: RunInputs, **spec: Any) -> RunnerError:
    with pytest.raises(RunnerError) as refused:
        FakeGuest(inputs=inputs, **spec)
    return refused.value


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        (RunInputs(args=("x",)), "1 arguments are given"),
        (RunInputs(env={"TOKEN": "t"}), "the variable TOKEN is given"),
        (RunInputs(stdin=b"x"), "standard input is given"),
        (RunInputs(files={"/data": {}}), "a folder is given for /data"),
    ],
)
def test_without_a_grant_nothing_goes_in(inputs: RunInputs, named: str) -> None:
    error = refusal(inputs)
    assert error.code is RunnerCode.INPUT_NOT_GRANTED
    assert named in error.detail


@pytest.mark.parametrize(
    "inputs",
    [RunInputs(args=("x",)), RunInputs(env={"TOKEN": "t"}), RunInputs(stdin=b"x"),
     RunInputs(files={"/data": {}})],
)  # fmt: skip
def test_the_remedy_of_a_refusal_grants_it(inputs: RunInputs) -> None:
    FakeGuest(inputs=inputs, **yaml.safe_load(refusal(inputs).remedy)["spec"])


@pytest.mark.parametrize(
    ("spec", "remedy"),
    [
        ({"env": {"TOKEN": {"from": "runner"}}}, "--env TOKEN=VALUE"),
        ({"files": [HOST]}, "--dir /data=FOLDER"),
    ],
)
def test_a_granted_input_must_come(spec: dict[str, Any], remedy: str) -> None:
    error = refusal(RunInputs(), **spec)
    assert error.code is RunnerCode.INPUT_MISSING
    assert error.remedy == remedy


def test_a_variable_with_a_value_is_not_the_runners() -> None:
    error = refusal(RunInputs(env={"LANG": "C"}), env={"LANG": {"value": "D"}})
    assert error.code is RunnerCode.INPUT_NOT_GRANTED


@pytest.mark.parametrize(
    ("args", "fits"),
    [(("ab", "cd"), True), (("a", "b", "c"), False), (("abc", "de"), False), ((), True)],
)
def test_arguments_are_counted_and_measured(args: tuple[str, ...], fits: bool) -> None:
    spec = {"args": {"allow": True, "max-count": 2, "max-bytes": 4}}
    if fits:
        FakeGuest(inputs=RunInputs(args=args), **spec)
        return
    error = refusal(RunInputs(args=args), **spec)
    assert error.code is RunnerCode.INPUT_NOT_GRANTED
    FakeGuest(inputs=RunInputs(args=args), **yaml.safe_load(error.remedy)["spec"])


def test_fixed_arguments_leave_no_room_for_others() -> None:
    error = refusal(RunInputs(args=("x",)), args={"literal": ["y"]})
    assert error.code is RunnerCode.INPUT_NOT_GRANTED


def test_a_nul_cannot_be_smuggled_in() -> None:
    error = refusal(RunInputs(args=("a\0b",)), args={"allow": True})
    assert error.code is RunnerCode.INPUT_NOT_GRANTED


@pytest.mark.parametrize(("size", "fits"), [(4, True), (5, False)])
def test_standard_input_is_measured(size: int, fits: bool) -> None:
    spec = {"stdin": {"allow": True, "max-bytes": 4}}
    if fits:
        FakeGuest(inputs=RunInputs(stdin=bytes(size)), **spec)
    else:
        error = refusal(RunInputs(stdin=bytes(size)), **spec)
        assert error.code is RunnerCode.INPUT_TOO_LARGE


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"a": bytes(65537)}, "NOSPC"),
        ({f"f{number}": b"" for number in range(65)}, "NOSPC"),
        ({"a": b"", "a/b": b""}, "NOTDIR"),
        ({"a/b": b"", "a": b""}, "NOTDIR"),
        ({"n" * 256: b""}, "NAMETOOLONG"),
        ({"n" * 256 + "/a": b""}, "NAMETOOLONG"),
        ({"": b""}, "INVAL"),
        ({"../a": b""}, "INVAL"),
        ({"/a": b""}, "INVAL"),
        ({"a/./b": b""}, "INVAL"),
        ({"a\0b": b""}, "INVAL"),
    ],
)
def test_files_must_fit(files: dict[str, bytes], named: str) -> None:
    error = refusal(RunInputs(files={"/data": files}), files=[HOST])
    assert error.code is RunnerCode.INPUT_TOO_LARGE
    assert f"the files for /data do not fit: {named}" in error.detail


def test_files_of_the_host_and_of_the_policy_are_there() -> None:
    inline = {"source": "inline", "contents": {"x/y.txt": {"text": "hi"}, "z": {"base64": "AAE="}}}
    guest = FakeGuest(
        inputs=RunInputs(files={"/in": {"a/b": b"given"}}),
        files=[folder("/in", source="host"), folder("/own", **inline)],
    )
    assert guest.contents("a/b") == b"given"
    assert guest.host.mounts[1].tree.root.entries.keys() == {"x", "z"}
    assert dict(guest.host.mounts[1].tree.files()) == {"x/y.txt": b"hi", "z": b"\0\1"}
