"""Boundaries of every bounded field, and what the typed models offer beyond the vectors."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from policies import limits
from policies.claims import CLAIMS, TEES
from policies.errors import PolicyError, PolicyRefusal
from policies.load import load_capabilities, parse_document
from policies.models import InlineFile
from policies.models.base import Metadata, Model
from policies.problems import refusal_of
from policies.source import UNKNOWN_SOURCE
from tests.unit.policies import samples

INTEGERS = [name for name, claim in CLAIMS.items() if claim.kind == "integer"]


def capability(path, value):
    base = {"apiVersion": "sealwasm/v1", "kind": "CapabilityPolicy", "metadata": {"name": "x"}}
    for key in reversed(path):
        value = {key: value}
    return base | {"spec": value}


def release_policy(environment):
    return {
        "apiVersion": "sealwasm/v1",
        "kind": "ReleasePolicy",
        "metadata": {"name": "x", "version": 1},
        "spec": {"any-of": [environment]},
    }


BOUNDS = [
    (("limits", "memory"), limits.MIN_MEMORY_BYTES, limits.MAX_MEMORY_BYTES),
    (("limits", "fuel"), 1, limits.MAX_INTEGER),
    (("limits", "wall-clock"), 1, limits.MAX_WALL_CLOCK_MS),
    (("limits", "stack"), limits.MIN_STACK_BYTES, limits.MAX_STACK_BYTES),
    (("limits", "table-elements"), 0, limits.MAX_TABLE_ELEMENTS),
    (("limits", "instances"), 1, limits.MAX_INSTANCES),
    (("limits", "open-files"), limits.MIN_OPEN_FILES, limits.MAX_OPEN_FILES),
    (("stdout", "max-bytes"), 0, limits.MAX_STREAM_BYTES),
]


@pytest.mark.parametrize(("path", "least", "most"), BOUNDS, ids=str)
def test_bounds(path, least, most):
    for good in (least, least + 1, most - 1, most):
        parse_document(capability(path, good))
    for bad in (least - 1, most + 1):
        with pytest.raises(PolicyError) as caught:
            parse_document(capability(path, bad))
        assert caught.value.code is PolicyRefusal.BAD_VALUE


@pytest.mark.parametrize(
    ("path", "make", "most"),
    [
        (("imports",), lambda n: [f"env.f{i}" for i in range(n)], limits.MAX_IMPORTS),
        (("args", "literal"), lambda n: ["a"] * n, limits.MAX_ARGUMENTS),
        (("env",), lambda n: {f"V{i}": {"value": ""} for i in range(n)}, 128),
        (("files",), lambda n: [{"path": f"/{i}", "source": "empty"} for i in range(n)], 32),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_counts(path, make, most):
    parse_document(capability(path, make(most)))
    with pytest.raises(PolicyError) as caught:
        parse_document(capability(path, make(most + 1)))
    assert caught.value.code is PolicyRefusal.TOO_LARGE


@pytest.mark.parametrize(
    ("text", "value"),
    [("0B", 0), ("1KiB", 1024), ("3MiB", 3 << 20), ("1GiB", 1 << 30), (5, 5)],
)
def test_sizes(text, value):
    policy = parse_document(capability(("stdout", "max-bytes"), text))
    assert policy.spec.stdout.max_bytes == value


@pytest.mark.parametrize(
    "text", ["1kB", "1 KiB", "01KiB", "-1KiB", "1.5MiB", "KiB", "1KiB\n", "\u0661KiB"]
)
def test_sizes_refused(text):
    with pytest.raises(PolicyError):
        parse_document(capability(("stdout", "max-bytes"), text))


@pytest.mark.parametrize(
    ("text", "value"),
    [("1ms", 1), ("2s", 2000), ("3m", 180_000), ("4h", 14_400_000), ("1d", 86_400_000)],
)
def test_durations(text, value):
    policy = parse_document(capability(("limits", "wall-clock"), text))
    assert policy.spec.limits.wall_clock_ms == value


@pytest.mark.parametrize("name", ["a", "a-b", "acme/x.y_z", "0", "a" * limits.MAX_NAME_CHARACTERS])
def test_names(name):
    assert Metadata.model_validate({"name": name}).name == name


@pytest.mark.parametrize(
    "name", ["", "A", "a/", "/a", "a//b", "a..b", "-a", "a b", "ä", "a\n", "a" * 201]
)
def test_names_refused(name):
    with pytest.raises(ValidationError):
        Metadata.model_validate({"name": name})


def test_typed_values_for_the_runner():
    policy = samples.capabilities()
    spec = policy.spec
    assert policy.import_pairs == {
        ("wasi_snapshot_preview1", "fd_write"),
        ("wasi_snapshot_preview1", "args_get"),
    }
    host, inline = spec.files
    assert (host.writable, host.write_back, host.content_bytes) == (True, True, 0)
    assert {name: file.data for name, file in inline.contents.items()} == {
        "app.conf": b"a=1",
        "keys/raw.bin": b"\x00\x01\x02",
    }
    assert spec.env["LANG"].value == "C"
    assert spec.env["TOKEN"].origin == "runner"
    assert InlineFile.model_validate({"text": "ä"}).data == "ä".encode()


def test_instants_are_aware():
    text = "{kind: deterministic, start: 2026-02-28T23:59:59Z, step: 1h}"
    policy = samples.capabilities(samples.CAPABILITIES.replace("{kind: real}", text, 1))
    clock = policy.spec.clock
    assert clock.start.isoformat() == "2026-02-28T23:59:59+00:00"
    assert clock.step_ms == 3_600_000
    early = parse_document(
        capability(("clock",), {"kind": "deterministic", "start": "1970-01-01T00:00:00Z"})
    )
    assert early.to_document()["spec"]["clock"]["start"] == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "start", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2500-01-01T00:00:00Z"]
)
def test_a_clock_starts_when_a_guest_can_tell(start: str):
    with pytest.raises(PolicyError) as caught:
        parse_document(capability(("clock",), {"kind": "deterministic", "start": start}))
    assert caught.value.code is PolicyRefusal.BAD_VALUE


def test_instants_are_text():
    with pytest.raises(PolicyError) as caught:
        parse_document(capability(("clock",), {"kind": "deterministic", "start": 5}))
    assert caught.value.code is PolicyRefusal.WRONG_TYPE


def test_documents_are_frozen():
    with pytest.raises(ValidationError):
        samples.capabilities().spec.mode = "audit"


def test_every_problem_is_told_in_file_order():
    text = samples.CAPABILITIES.replace("128MiB", "128MB").replace("kind: command", "kind: x")
    with pytest.raises(PolicyError) as caught:
        load_capabilities(text.encode(), name="caps.yaml")
    assert [problem.path for problem in caught.value.problems] == [
        "spec.entrypoint.kind",
        "spec.limits.memory",
    ]
    assert caught.value.where == "caps.yaml:6:22 spec.entrypoint.kind"
    assert str(caught.value).count("\n") == 1


def test_what_pydantic_finds_by_itself_is_our_error_too():
    class Odd(Model):
        number: Annotated[int, Field(multiple_of=2)]

    with pytest.raises(ValidationError) as caught:
        Odd.model_validate({"number": 3})
    refusal = refusal_of(caught.value, UNKNOWN_SOURCE)
    assert refusal.code is PolicyRefusal.BAD_VALUE
    assert refusal.where == "document number"


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ({"debug": {"equals": False, "because": "x" * 2049}}, PolicyRefusal.BAD_VALUE),
        ({"csp-id": {"equals": "x" * 513}}, PolicyRefusal.BAD_VALUE),
        ({"guest-svn": {"in": list(range(513))}}, PolicyRefusal.BAD_VALUE),
        (
            {name: dict.fromkeys(("at-least", "at-most", "equals"), 1) for name in INTEGERS},
            PolicyRefusal.TOO_LARGE,
        ),
    ],
    ids=["because", "text", "list", "conditions"],
)
def test_conditions_are_bounded(condition, code):
    document = samples.guardrails().to_document()
    document["spec"]["release"]["require"] = condition
    with pytest.raises(PolicyError) as caught:
        parse_document(document)
    assert caught.value.code is code


def test_patterns_are_bounded_per_document():
    def environments(*patterns):
        return [
            {"name": f"e{index}", "tee": "snp", "measurement": {"equals": "ab" * 48}}
            | {"csp-id": {"matches": pattern}, "request.module": {"matches": pattern}}
            for index, pattern in enumerate(patterns)
        ]

    different = [f"a{number}" for number in range(limits.MAX_PATTERNS)]
    document = samples.release().to_document()
    document["spec"]["any-of"] = environments(*different, *different)
    parse_document(document)
    document["spec"]["any-of"] = environments(*different, "b")
    with pytest.raises(PolicyError) as caught:
        parse_document(document)
    assert caught.value.code is PolicyRefusal.TOO_LARGE
    assert "33 different patterns" in caught.value.detail


def test_patterns_are_counted_before_one_is_compiled(monkeypatch):
    monkeypatch.setattr("policies.conditions.compile_pattern", pytest.fail)
    document = samples.guardrails().to_document()
    monkeypatch.setattr("policies.limits.MAX_PATTERNS", 2)
    document["spec"]["release"]["require"] = {
        name: {"matches": name} for name in ("csp-id", "request.module", "request.policy")
    }
    with pytest.raises(PolicyError) as caught:
        parse_document(document)
    assert caught.value.code is PolicyRefusal.TOO_LARGE
    assert caught.value.problems[0].path == "spec.release.require"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({1: 2}, PolicyRefusal.WRONG_TYPE),
        ({"a" * 257: 1}, PolicyRefusal.WRONG_TYPE),
        ({"a\u200b": 1}, PolicyRefusal.NOT_TEXT),
        ({"a": b"x"}, PolicyRefusal.WRONG_TYPE),
        ({"a": 2**53}, PolicyRefusal.BAD_VALUE),
        ({"a": "\ud800"}, PolicyRefusal.NOT_TEXT),
        ({"a": [0] * 20_000}, PolicyRefusal.TOO_LARGE),
    ],
)
def test_mappings_from_elsewhere_obey_the_same_limits(value, code):
    with pytest.raises(PolicyError) as caught:
        parse_document(value)
    assert caught.value.code is code


def test_depth_of_mappings_is_bounded():
    deep = {}
    for _ in range(100):
        deep = {"a": deep}
    with pytest.raises(PolicyError) as caught:
        parse_document(deep)
    assert caught.value.code is PolicyRefusal.TOO_LARGE


def test_floats_pass_the_reader_and_fail_the_type():
    with pytest.raises(PolicyError) as caught:
        parse_document(capability(("limits", "fuel"), 1.0))
    assert caught.value.code is PolicyRefusal.WRONG_TYPE


@pytest.mark.parametrize(
    ("tee", "claim", "size"),
    [
        ("tpm", "pcr-digest", 32),
        ("tpm", "pcr.7", 32),
        ("azure-snp", "measurement", 48),
        ("azure-snp", "pcr-digest", 32),
        ("azure-snp", "id-key-digest", 48),
        ("azure-tdx", "measurement", 48),
    ],
)
def test_what_does_not_say_which_guest_runs_is_no_measurement(tee, claim, size):
    """A digest over PCRs that whoever quotes chooses; a paravisor that all tenants have."""
    place = {"name": "here", "tee": tee, claim: {"equals": "ab" * size}}
    with pytest.raises(PolicyError) as refused:
        parse_document(release_policy(place))
    assert refused.value.problems[0].code is PolicyRefusal.NO_MEASUREMENT
    enough = {"measurement": {"equals": "cd" * 48}, "pcr.11": {"equals": "cd" * 32}}
    parse_document(release_policy(place | enough))


@pytest.mark.parametrize(
    ("tee", "keeper", "enough"),
    [
        ("azure-snp", {}, False),
        ("azure-snp", {"measurement": {"not-in": ["ab" * 48]}}, False),
        ("azure-snp", {"id-key-digest": {"equals": "00" * 48}}, False),
        ("azure-snp", {"id-key-digest": {"equals": "ab" * 48}}, True),
        ("azure-snp", {"measurement": {"equals": "ab" * 48}}, True),
        ("azure-tdx", {"rtmr0": {"equals": "ab" * 48}}, False),
        ("azure-tdx", {"measurement": {"equals": "00" * 48}}, False),
        ("azure-tdx", {"measurement": {"in": ["ab" * 48]}}, True),
        ("tpm", {}, True),
    ],
)
def test_pcrs_count_only_with_who_keeps_the_virtual_tpm(tee, keeper, enough):
    """Any guest may have its hardware vouch for a key, and quote what it likes with that."""
    document = release_policy(
        {"name": "here", "tee": tee, "pcr.12": {"equals": "cd" * 32}} | keeper
    )
    if enough:
        parse_document(document)
        return
    with pytest.raises(PolicyError) as refused:
        parse_document(document)
    assert refused.value.problems[0].code is PolicyRefusal.NO_MEASUREMENT


@pytest.mark.parametrize("tee", TEES)
def test_guardrails_can_name_every_tee(tee):
    document = {"apiVersion": "sealwasm/v1", "kind": "Guardrails", "metadata": {"name": "x"}}
    parsed = parse_document(document | {"spec": {"release": {"tees": [tee]}}})
    assert parsed.spec.release.tees == (tee,)
