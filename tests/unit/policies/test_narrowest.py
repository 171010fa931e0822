"""What several brokers allow together."""

from __future__ import annotations

import pytest

from policies.errors import PolicyDenied
from policies.load import parse_canonical
from policies.narrowest import narrowest
from tests.unit.policies import samples

POLICY = "apiVersion: sealwasm/v1\nkind: CapabilityPolicy\nmetadata: {name: NAME}\nspec: {%s}\n"
MOUNT = "{path: /h, source: host, access: read-write, write-back: true, max-bytes: 9KiB}"


def policy(spec: str, name: str = "solver"):
    return samples.capabilities(POLICY.replace("NAME", name) % spec)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("limits: {fuel: 7}", "limits: {fuel: 9}", "limits: {fuel: 7}"),
        ("stdout: {max-bytes: 7}", "stdout: {max-bytes: 0}", ""),
        ("stdin: {allow: true, max-bytes: 7}", "", ""),
        (
            "stdin: {allow: true, max-bytes: 7}",
            "stdin: {allow: true, max-bytes: 8}",
            "stdin: {allow: true, max-bytes: 7}",
        ),
        ("mode: audit", "", ""),
        ("mode: audit", "mode: audit", "mode: audit"),
        ("clock: {kind: real}", "clock: {kind: coarse}", "clock: {kind: coarse}"),
        ("random: {kind: real}", "", ""),
        ("features: [simd, gc]", "features: [gc]", "features: [gc]"),
        ("env: {A: {value: x}, B: {from: runner}}", "env: {A: {value: x}}", "env: {A: {value: x}}"),
        (
            "args: {allow: true, max-count: 3}",
            "args: {allow: true}",
            "args: {allow: true, max-count: 3}",
        ),
        ("args: {allow: true}", "", ""),
        ("args: {literal: [a]}", "args: {literal: [a]}", "args: {literal: [a]}"),
        (f"files: [{MOUNT}]", "", ""),
        (
            f"files: [{MOUNT}]",
            "files: [{path: /h, source: host, max-files: 3}]",
            "files: [{path: /h, source: host, max-bytes: 9KiB, max-files: 3}]",
        ),
    ],
)
def test_the_smaller_of_both_in_each_member(one: str, other: str, both: str) -> None:
    for grants in ([one, other], [other, one]):
        found = narrowest([policy(text) for text in grants])
        assert found == policy(both)
        assert parse_canonical(found.to_document()) == found


def test_one_grant_is_the_grant() -> None:
    grant = samples.capabilities()
    assert narrowest([grant]) == grant
    assert narrowest([grant] * 3) == grant


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("", "solver"), ("", "other")),
        (
            ("clock: {kind: deterministic, start: 2026-01-01T00:00:00Z}", "solver"),
            ("clock: {kind: real}", "solver"),
        ),
        (("random: {kind: seeded, seed: a}", "solver"), ("random: {kind: real}", "solver")),
        (
            ("stdout: {max-bytes: 1, on-quota: enospc}", "solver"),
            ("stdout: {max-bytes: 1}", "solver"),
        ),
    ],
)
def test_grants_that_are_not_of_one_request(one: tuple[str, str], other: tuple[str, str]) -> None:
    with pytest.raises(PolicyDenied):
        narrowest([policy(*one), policy(*other)])
