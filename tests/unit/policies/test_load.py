from __future__ import annotations

import pytest

from policies.errors import PolicyError, PolicyRefusal
from policies.load import (
    load_capabilities,
    load_guardrails,
    load_policy,
    load_release,
    parse_canonical,
    parse_document,
)
from policies.models import CapabilityPolicy, Guardrails, ReleasePolicy
from tests.unit.policies import samples

SAMPLES = {
    "capabilities": (samples.CAPABILITIES, CapabilityPolicy),
    "release": (samples.RELEASE, ReleasePolicy),
    "guardrails": (samples.GUARDRAILS, Guardrails),
}


@pytest.mark.parametrize(("text", "kind"), SAMPLES.values(), ids=SAMPLES)
def test_canonical_document_reads_back_equal(text, kind):
    policy = load_policy(text.encode(), name="p.yaml")
    assert isinstance(policy, kind)
    again = parse_canonical(policy.to_document())
    assert again == policy
    assert again.digest == policy.digest
    assert hash(again) == hash(policy)


def test_quantities_are_bytes_and_milliseconds():
    spec = samples.capabilities().spec
    assert spec.limits.memory_bytes == 128 * 1024 * 1024
    assert spec.limits.wall_clock_ms == 10_000
    assert spec.stdin.max_bytes == 1024 * 1024


def test_nothing_written_is_nothing_granted():
    text = "apiVersion: sealwasm/v1\nkind: CapabilityPolicy\nmetadata: {name: x}\nspec: {}\n"
    spec = load_capabilities(text.encode(), name="p").spec
    assert (spec.args.allow, spec.args.literal, dict(spec.env), spec.files) == (False, (), {}, ())
    assert (spec.stdin.allow, spec.stdout.max_bytes, spec.stderr.max_bytes) == (False, 0, 0)
    assert (spec.clock.kind, spec.random.kind, spec.features, spec.imports) == (
        "deny",
        "deny",
        (),
        (),
    )


@pytest.mark.parametrize(
    ("load", "text"),
    [
        (load_capabilities, samples.RELEASE),
        (load_release, samples.GUARDRAILS),
        (load_guardrails, samples.CAPABILITIES),
    ],
)
def test_other_kind_is_refused(load, text):
    with pytest.raises(PolicyError) as caught:
        load(text.encode(), name="p.yaml")
    assert caught.value.code is PolicyRefusal.UNKNOWN_KIND
    assert caught.value.where == "p.yaml:2:7 kind"


def test_two_documents_of_different_kinds_are_unequal():
    assert samples.capabilities() != samples.release()
    assert samples.capabilities() != "capabilities"


def test_document_of_people_is_not_canonical():
    document = samples.capabilities().to_document()
    document["spec"]["limits"]["memory"] = "128MiB"
    assert parse_document(document) == samples.capabilities()
    with pytest.raises(PolicyError) as caught:
        parse_canonical(document)
    assert caught.value.code is PolicyRefusal.NOT_CANONICAL
