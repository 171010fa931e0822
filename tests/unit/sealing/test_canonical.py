from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from sealing import canonical, limits
from sealing.errors import SealError, SealRefusal

SAFE = 2**53 - 1
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def refusal_of(call, *args, **kwargs) -> SealRefusal:
    with pytest.raises(SealError) as caught:
        call(*args, **kwargs)
    return caught.value.code


@given(VALUES)
def test_encode_is_rfc8785(value) -> None:
    assert canonical.encode(value) == rfc8785.dumps(value)


@given(VALUES)
def test_canonical_round_trip(value) -> None:
    data = canonical.encode(value)
    assert canonical.parse_canonical(data, limit_bytes=len(data), what="value") == value


@given(st.binary(max_size=64) | st.text(max_size=64).map(str.encode))
def test_any_bytes_give_a_value_or_our_error(data: bytes) -> None:
    for parse in (canonical.parse_json, canonical.parse_canonical):
        try:
            parse(data, limit_bytes=1000, what="value")
        except SealError:
            continue


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", SealRefusal.MALFORMED),
        (b"\xff", SealRefusal.MALFORMED),
        (b"\xef\xbb\xbf1", SealRefusal.MALFORMED),
        (b"{}{}", SealRefusal.MALFORMED),
        (b"[1.0]", SealRefusal.MALFORMED),
        (b"1e3", SealRefusal.MALFORMED),
        (b"NaN", SealRefusal.MALFORMED),
        (b"-Infinity", SealRefusal.MALFORMED),
        (b"9007199254740992", SealRefusal.MALFORMED),
        (b"1" * 5000, SealRefusal.MALFORMED),
        (b'"\\ud800"', SealRefusal.MALFORMED),
        (b'{"\\ud800":1}', SealRefusal.MALFORMED),
        (b'{"a":1,"a":1}', SealRefusal.DUPLICATE_MEMBER),
        (b'{"a":1,"\\u0061":1}', SealRefusal.DUPLICATE_MEMBER),
        (b"[" * 10_000, SealRefusal.MALFORMED),
        (b"[" * 33 + b"]" * 33, SealRefusal.MALFORMED),
        (b"1" + b" " * 200_000, SealRefusal.TOO_LARGE),
    ],
)
def test_json_is_strict(data: bytes, code: SealRefusal) -> None:
    assert refusal_of(canonical.parse_json, data, limit_bytes=200_000, what="value") == code


@pytest.mark.parametrize("depth", [limits.JSON_DEPTH - 1, limits.JSON_DEPTH, limits.JSON_DEPTH + 1])
def test_depth_boundary(depth: int) -> None:
    data = b"[" * depth + b"]" * depth
    if depth <= limits.JSON_DEPTH:
        assert canonical.parse_json(data, limit_bytes=1000, what="value") is not None
    else:
        assert (
            refusal_of(canonical.parse_json, data, limit_bytes=1000, what="v") == "seal-malformed"
        )


@pytest.mark.parametrize(
    "data",
    [
        b"[" + b"0," * limits.JSON_VALUES + b"0]",
        b"[" + b"[]," * (limits.JSON_VALUES // 2) + b"0]",
        b'["[",' + b'"\\"",' * limits.JSON_VALUES + b"0]",
        b"[" + b"0," * limits.JSON_VALUES + b" " * (1 << 20) + b"0]",
        b"[" * (limits.JSON_VALUES + 1),
    ],
)
def test_values_are_counted_before_they_are_built(monkeypatch, data: bytes) -> None:
    monkeypatch.setattr(canonical, "_DECODER", None)
    code = refusal_of(canonical.parse_json, data, limit_bytes=len(data), what="value")
    assert code == SealRefusal.TOO_LARGE


def test_as_many_values_as_there_may_be() -> None:
    data = b"[" + b"0," * (limits.JSON_VALUES - 1) + b"0]"
    value = canonical.parse_json(data, limit_bytes=len(data), what="value")
    assert len(value) == limits.JSON_VALUES


@pytest.mark.parametrize(
    ("size", "values"),
    [
        (0, limits.JSON_VALUES),
        (1 << 20, (1 << 20) // limits.JSON_VALUE_BYTES // 1024 * 1024),
        (1 << 30, limits.JSON_VALUES_MOST),
    ],
)
def test_larger_statements_hold_more_values(size: int, values: int) -> None:
    assert canonical.most_values(size, dense=True) == values
    assert canonical.most_values(size, dense=False) == limits.JSON_VALUES


@pytest.mark.parametrize("read", [canonical.parse_json, canonical.parse_canonical])
def test_only_where_a_reader_says_so(read: Any) -> None:
    data = b"[" + b'"' + b"x" * (1 << 20) + b'"' + b",0" * limits.JSON_VALUES + b"]"
    assert len(read(data, limit_bytes=len(data), what="v", dense=True)) == limits.JSON_VALUES + 1
    assert refusal_of(read, data, limit_bytes=len(data), what="v") == SealRefusal.TOO_LARGE


@pytest.mark.parametrize("excess", [0, 1])
def test_members_of_one_object(excess: int) -> None:
    data = canonical.encode({str(number): 0 for number in range(limits.JSON_MEMBERS + excess)})
    if not excess:
        value = canonical.parse_canonical(data, limit_bytes=len(data), what="value")
        assert len(value) == limits.JSON_MEMBERS
        return
    code = refusal_of(canonical.parse_json, data, limit_bytes=len(data), what="value")
    assert code == SealRefusal.TOO_LARGE


@pytest.mark.parametrize("text", ['"' * 9, "[{,\\" * limits.JSON_VALUES, "\\" * limits.JSON_VALUES])
def test_strings_hold_anything(text: str) -> None:
    data = canonical.encode([text, ",["])
    assert canonical.parse_json(data, limit_bytes=len(data), what="value") == [text, ",["]


@pytest.mark.parametrize("head", [b'"', b'"\\"' * 200_000, b'"\\', b'""' * 200_000 + b'"'])
def test_a_string_that_does_not_end(head: bytes) -> None:
    data = head + b"," * (limits.JSON_VALUES + 1)
    code = refusal_of(canonical.parse_json, data, limit_bytes=len(data), what="value")
    assert code == SealRefusal.MALFORMED


@pytest.mark.parametrize("number", [SAFE, -SAFE, 0])
def test_safe_integers(number: int) -> None:
    assert canonical.parse_json(str(number).encode(), limit_bytes=99, what="value") == number


@pytest.mark.parametrize("inner", [["\U0001f600", "\uffff"], ["\uffff", "\U0001f600"]])
@pytest.mark.parametrize("outer", [["a", "b"], ["b", "a"]])
def test_no_object_is_sorted_as_another_one_needs_it(outer: list[str], inner: list[str]) -> None:
    value = dict.fromkeys(outer, dict.fromkeys(inner, 0))
    assert canonical.encode(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("first", ["a", "\u00e9", "\U0001f600"])
@pytest.mark.parametrize("second", ["b", "\uffff", "\U0001f601"])
def test_members_are_in_the_order_of_utf_16(first: str, second: str) -> None:
    value = {second: [{second: 1, first: 2}], first: 0}
    data = canonical.encode(value)
    assert data == rfc8785.dumps(value)
    assert canonical.parse_canonical(data, limit_bytes=99, what="value") == value
    names = [json.dumps(name, ensure_ascii=False) for name in value]
    both = [f"{{{one}:0,{other}:0}}".encode() for one, other in (names, names[::-1])]
    right = canonical.encode(dict.fromkeys(value, 0))
    (wrong,) = set(both) - {right}
    code = refusal_of(canonical.parse_canonical, wrong, limit_bytes=99, what="value")
    assert code == SealRefusal.NOT_CANONICAL


@pytest.mark.parametrize(
    "data", [b" 1", b"1\n", b"-0", b'{"b":1,"a":1}', b'{"a": 1}', b'"\\u0061"']
)
def test_other_forms_are_not_canonical(data: bytes) -> None:
    assert canonical.parse_json(data, limit_bytes=99, what="value") is not None
    code = refusal_of(canonical.parse_canonical, data, limit_bytes=99, what="value")
    assert code == SealRefusal.NOT_CANONICAL


@pytest.mark.parametrize(
    "value", [1.5, b"x", {1: 2}, 2**53, {"a": object()}, "\ud800", {"é": "\ud800"}]
)
def test_encode_refuses_what_json_here_cannot_hold(value) -> None:
    assert refusal_of(canonical.encode, value) == SealRefusal.MALFORMED


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (5, SealRefusal.MALFORMED),
        ("é===", SealRefusal.MALFORMED),
        ("QQ=", SealRefusal.MALFORMED),
        ("QQ", SealRefusal.MALFORMED),
        ("QQ==\n", SealRefusal.MALFORMED),
        ("QR==", SealRefusal.NOT_CANONICAL),
    ],
)
def test_base64_is_strict(value, code: SealRefusal) -> None:
    assert refusal_of(canonical.b64decode, value, what="field") == code


@given(st.binary(max_size=99))
def test_base64_round_trip(data: bytes) -> None:
    assert canonical.b64decode(canonical.b64encode(data), what="field") == data


def test_digest_text() -> None:
    digest = canonical.digest_of(b"")
    assert canonical.parse_digest(digest) == digest
    for bad in (digest.upper(), digest[:-1], digest + "\n", "sha512:" + "0" * 64, None):
        assert refusal_of(canonical.parse_digest, bad) == SealRefusal.MALFORMED


def test_members_are_exact() -> None:
    assert canonical.members({"a": 1}, ("a",), "thing") == {"a": 1}
    assert refusal_of(canonical.members, [], ("a",), "thing") == SealRefusal.MALFORMED
    assert refusal_of(canonical.members, {}, ("a",), "thing") == SealRefusal.MALFORMED
    code = refusal_of(canonical.members, {"a": 1, "b": 2}, ("a",), "thing")
    assert code == SealRefusal.UNKNOWN_MEMBER


@pytest.mark.parametrize("value", [True, "1", 0, 4, None])
def test_whole_numbers_are_bounded(value) -> None:
    assert refusal_of(canonical.whole, value, "count", least=1, most=3) == SealRefusal.MALFORMED
    assert canonical.whole(3, "count", least=1, most=3) == 3
