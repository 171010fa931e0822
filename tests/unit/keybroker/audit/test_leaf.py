"""Leaves: one form per event, nothing but digests, ids and names."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime

import pytest

from keybroker.audit.leaf import encode_leaf, parse_leaf
from keybroker.audit.limits import MAX_LIST, MAX_TEXT
from keybroker.errors import BrokerCode, BrokerError
from sealing import canonical
from tests.unit.keybroker.audit import leaves


def refused(act, argument) -> None:
    with pytest.raises(BrokerError) as caught:
        act(argument)
    assert caught.value.code == BrokerCode.LEAF_MALFORMED


def changed(leaf, **members) -> bytes:
    return canonical.encode({**json.loads(encode_leaf(leaf)), **members})


@pytest.mark.parametrize("leaf", leaves.ALL, ids=lambda leaf: leaf.kind)
def test_what_is_encoded_parses_to_the_same(leaf) -> None:
    assert parse_leaf(encode_leaf(leaf)) == leaf


@pytest.mark.parametrize("leaf", leaves.ALL, ids=lambda leaf: leaf.kind)
def test_members_are_exactly_the_fields(leaf) -> None:
    document = json.loads(encode_leaf(leaf))
    names = {field.name for field in dataclasses.fields(leaf)}
    assert document.keys() == {"v", "kind"} | names
    for name in document:
        refused(parse_leaf, canonical.encode({k: v for k, v in document.items() if k != name}))
    refused(parse_leaf, changed(leaf, extra=1))


def test_refusal_may_know_everything() -> None:
    known = dataclasses.replace(
        leaves.REFUSAL,
        simulated=True,
        owner=leaves.key_id("a"),
        module="acme/scoring",
        version=7,
        policy=leaves.POLICY,
    )
    assert parse_leaf(encode_leaf(known)) == known


def test_only_what_may_be_unknown_is_null() -> None:
    for field in dataclasses.fields(leaves.RELEASE):
        refused(parse_leaf, changed(leaves.RELEASE, **{field.name: None}))
        refused(encode_leaf, dataclasses.replace(leaves.RELEASE, **{field.name: None}))


@pytest.mark.parametrize(
    "members",
    [
        {"v": 2},
        {"v": True},
        {"v": "1"},
        {"kind": "unknown"},
        {"kind": 1},
        {"kind": "refusal"},
        {"id": "short"},
        {"id": "Decision-0001"},
        {"id": "-ecision-0001"},
        {"id": "d" * 65},
        {"at": "2026-11-22T10:00:00+00:00"},
        {"at": "2026-11-22T10:00:00.5Z"},
        {"at": "2026-1-22T10:00:00Z"},
        {"at": "2026-02-30T10:00:00Z"},
        {"at": 1},
        {"owner": "A" * 64},
        {"owner": "a" * 63},
        {"module": ""},
        {"module": "line\nfeed"},
        {"module": "m" * (MAX_TEXT + 1)},
        {"version": 0},
        {"version": -1},
        {"version": True},
        {"version": "7"},
        {"simulated": 0},
        {"simulated": "true"},
        {"tee": "SNP"},
        {"evidence": "3" * 64},
        {"evidence": "sha256:" + "A" * 64},
        {"guardrails": "sha256:" + "2" * 64},
        {"guardrails": [1]},
        {"guardrails": [leaves.digest("2")] * (MAX_LIST + 1)},
        {"policy": []},
        {"policy": {"name": "acme/prod", "version": 3}},
        {"policy": {"name": "acme/prod", "version": 3, "digest": leaves.digest("1"), "x": 1}},
        {"policy": {"name": "acme/prod", "version": "3", "digest": leaves.digest("1")}},
    ],
)
def test_other_members_are_refused(members) -> None:
    refused(parse_leaf, changed(leaves.RELEASE, **members))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        encode_leaf(leaves.OWNER) + b"\n",
        encode_leaf(leaves.OWNER).replace(b",", b", "),
        encode_leaf(leaves.OWNER)[:-1] + b',"v":1}',
        b"\xff",
    ],
)
def test_other_forms_are_refused(data) -> None:
    refused(parse_leaf, data)


@pytest.mark.parametrize(
    "values",
    [
        {"at": datetime(2026, 11, 22)},  # noqa: DTZ001 - the naive time is what is refused
        {"at": "2026-11-22T10:00:00Z"},
        {"guardrails": [leaves.digest("2")]},
        {"guardrails": (leaves.digest("2"),) * (MAX_LIST + 1)},
        {"policy": ("acme/prod", 3, leaves.digest("1"))},
        {"module": "lone \ud800 surrogate"},
        {"version": 2**53},
    ],
)
def test_values_of_other_types_are_not_encoded(values) -> None:
    refused(encode_leaf, dataclasses.replace(leaves.RELEASE, **values))


def test_longest_lists_fit_a_leaf() -> None:
    rules = tuple("r" * MAX_TEXT for _ in range(MAX_LIST))
    assert parse_leaf(encode_leaf(dataclasses.replace(leaves.REFUSAL, rules=rules)))


def test_leaf_has_a_limit() -> None:
    rules = tuple("\N{PILE OF POO}" * MAX_TEXT for _ in range(MAX_LIST))
    refused(encode_leaf, dataclasses.replace(leaves.REFUSAL, rules=rules))
