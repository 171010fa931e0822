"""Whatever a receipt says, signed by its own key: it verifies or is refused with our error.

Any member of the statement, and of the broker's release in it, is replaced or left out, and what
holds it is signed anew: steps behind the signatures see it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keybroker.protocol import RELEASE_TYPE
from runner.receipt import PAYLOAD_TYPE
from sealing import canonical
from sealing.keys import SigningKey
from sealing.signatures import dsse
from sealwasm.evidence.receipt_check import verify_receipt
from sealwasm.failure import CliError, Kind
from tests.fakes.story import make_story
from tests.integration.test_receipt_verify import Signed, run_and_keep

LEFT_OUT = object()
SAFE = 2**53 - 1
ODD = [
    LEFT_OUT, None, True, 0, 1, -1, 16, 17, SAFE, "", "\0", "x" * 600, "AAAA", "\x1b[2J",
    "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", f"sha256:{0:064x}", [], {}, ["x"], {"a": "b"},
]  # fmt: skip
# What a verifier has no second word on: the runner's own account of the run.
RUNNERS_WORD = {
    "denials", "deterministic", "engine", "finished", "guardrails", "inputs", "lockdown", "outputs",
    "previous", "result", "sequence", "started", "usage",
}  # fmt: skip
Where = tuple[str | int, ...]


def members(value: Any, where: Where = ()) -> Iterator[Where]:
    """Where everything is in a document, except the document itself."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for name, member in inner:
        yield (*where, name)
        if isinstance(member, dict | list):
            yield from members(member, (*where, name))


def changed(document: Any, where: Where, value: Any) -> Any:
    made = copy.deepcopy(document)
    holder = made
    for name in where[:-1]:
        holder = holder[name]
    if value is LEFT_OUT:
        del holder[where[-1]]
    else:
        holder[where[-1]] = value
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Signed, SigningKey]]:
    """A receipt of a run, and the identity of the broker that released for it."""
    with make_story(tmp_path_factory.mktemp("story")) as story, pytest.MonkeyPatch.context() as m:
        story.publish()
        yield run_and_keep(story, m), story.world.broker.releases.keys.identity


def verifies(signed: Signed, statement: Any) -> bool:
    body = dsse.sign(PAYLOAD_TYPE, canonical.encode(statement), [signed.key])
    refused: list[CliError] = []
    try:
        verify_receipt(body, signed.trust)
    except CliError as error:
        refused.append(error)
    assert all(error.kind is Kind.EVIDENCE and error.code for error in refused)
    return not refused


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_member_of_the_statement(made: tuple[Signed, SigningKey], data: st.DataObject) -> None:
    signed, _ = made
    statement = signed.receipt.to_document()
    where = data.draw(st.sampled_from(list(members(statement))))
    other = changed(statement, where, data.draw(st.sampled_from(ODD)))
    if verifies(signed, other) and other != statement:
        assert where[0] == "predicate"
        assert where[1] in RUNNERS_WORD


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_member_of_the_release(made: tuple[Signed, SigningKey], data: st.DataObject) -> None:
    signed, identity = made
    statement = signed.receipt.to_document()
    envelope = json.loads(statement["predicate"]["releases"][0]["release"])
    release = json.loads(canonical.b64decode(envelope["payload"], what="release"))
    where = data.draw(st.sampled_from(list(members(release))))
    other = changed(release, where, data.draw(st.sampled_from(ODD)))
    told = dsse.sign(RELEASE_TYPE, canonical.encode(other), [identity]).decode()
    at = ("predicate", "releases", 0, "release")
    if verifies(signed, changed(statement, at, told)) and other != release:
        assert where == ("lease", "renew_after")
