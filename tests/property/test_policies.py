"""Policies under any input: our error or a value, and never more than somebody wrote down."""

from __future__ import annotations

import copy
import re
import warnings
from datetime import UTC, datetime
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from policies.claims import CLAIMS
from policies.decision import Decision
from policies.errors import PolicyDenied, PolicyError
from policies.evaluate import compile_release, evaluate
from policies.grant import effective_grant
from policies.load import load_policy, parse_canonical, parse_document
from policies.models import CapabilityPolicy, Guardrails
from policies.narrowest import narrowest
from policies.patterns import PatternError, compile_pattern
from policies.reader import read_yaml
from policies.within import require_within, widenings
from tests.unit.policies import samples

NOW = datetime(2026, 6, 1, tzinfo=UTC)
# No deadline: one slow example on a busy machine is no finding.
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
FEW = settings(CALM, max_examples=40)
TEXTS = [samples.CAPABILITIES, samples.RELEASE, samples.GUARDRAILS]
RELEASE = samples.release()
GUARDRAILS = samples.guardrails()
COMPILED = compile_release(RELEASE, [GUARDRAILS])

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["deny", "allow", "real", "1MiB", "5s", "snp", "sealwasm/v1", "ab" * 48]),
)  # fmt: skip
KEYS = st.sampled_from(
    [
        "apiVersion",
        "kind",
        "metadata",
        "spec",
        "name",
        "any-of",
        "tee",
        "measurement",
        "in",
        "equals",
        "release",
        "grant",
        "limits",
        "memory",
        "files",
        "path",
        "source",
        "clock",
        "imports",
        "require",
        "debug",
    ]
) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


def refusal_of(data: bytes) -> PolicyError | None:
    try:
        load_policy(data, name="any")
    except PolicyError as error:
        return error
    return None


@CALM
@given(st.binary(max_size=300))
@example(b"\xff")
@example(b"- " * 150)
def test_any_bytes_are_a_policy_or_our_error(data: bytes) -> None:
    refusal = refusal_of(data)
    assert refusal is None or refusal.where.startswith("any")


@CALM
@given(st.sampled_from(TEXTS), st.integers(0, 2000), st.integers(0, 40), st.text(max_size=12))
def test_any_edit_is_a_policy_or_our_error(base: str, at: int, cut: int, insert: str) -> None:
    text = base[: at % len(base)] + insert + base[at % len(base) + cut :]
    try:
        policy = load_policy(text.encode("utf-8", "surrogatepass"), name="any")
    except PolicyError:
        return
    assert parse_canonical(policy.to_document()).digest == policy.digest


@CALM
@given(st.text(alphabet="ab:,[]{}&*!|>'\"%@#?- \n\t0.~<", max_size=60))
def test_any_punctuation_is_read_alike_by_both_parsers_or_refused(text: str) -> None:
    values = []
    for parser in (yaml.CSafeLoader, yaml.SafeLoader):
        try:
            values.append(repr(read_yaml(text.encode(), name="any", parser=parser)))
        except PolicyError:
            values.append("refused")
    # Where the two differ on what is YAML, the stricter one refuses.
    assert values[0] == values[1] or "refused" in values


@FEW
@given(st.sampled_from(TEXTS), st.data())
def test_any_value_in_any_place_is_a_policy_or_our_error(base: str, data: st.DataObject) -> None:
    document = copy.deepcopy(load_policy(base.encode(), name="base").to_document())
    place: Any = document
    while True:
        key = data.draw(
            st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))
        )
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            place[key] = data.draw(VALUES)
            break
        place = inner
    try:
        policy = parse_document(document)
    except PolicyError:
        return
    assert parse_canonical(policy.to_document()) == policy


def decide(claims: dict[str, Any]) -> Decision:
    return evaluate(COMPILED, claims, now=NOW)


NEEDED = sorted(
    {result.rule.claim for result in decide(samples.CLAIMS).rules} - {"now", "family-id"}
)
OTHERS = st.one_of(SCALARS, st.integers(-3, 300), st.binary(max_size=4), st.just([]), st.just(...))


def satisfies(claim: str, value: Any) -> bool:
    """An independent reading of the sample policies, claim by claim."""
    good = samples.CLAIMS[claim]
    if type(value) is not type(good):
        return False
    if claim == "vmpl":
        return value <= 0
    if claim.startswith("tcb."):
        return value >= {"snp": 22, "microcode": 213}[claim.rpartition(".")[2]]
    if claim == "host-data":
        return value != "00" * 32
    if claim == "csp-id":
        return bool(re.fullmatch("(aws|azure)-[a-z]+", value))
    if claim == "request.module":
        return value == good or value.startswith("tools/")
    return claim == "firmware.current" or value == good


@CALM
@given(st.sampled_from(NEEDED), OTHERS)
def test_one_mandatory_claim_that_is_not_right_denies(claim: str, value: Any) -> None:
    claims = dict(samples.CLAIMS)
    if value is ...:
        del claims[claim]
    else:
        claims[claim] = value
    if value is ... or not satisfies(claim, value):
        decision = decide(claims)
        assert not decision.allowed
        assert decision.lease_ms == 0
        assert decision.failed


@CALM
@given(st.dictionaries(st.sampled_from(sorted(CLAIMS)), OTHERS))
def test_any_claims_give_a_decision(claims: dict[str, Any]) -> None:
    decision = decide(claims)
    assert decision.allowed is (decision.code is None)
    assert len(decision.rules) >= len(decision.failed)


@FEW
@given(st.dictionaries(st.sampled_from(NEEDED), OTHERS, max_size=3), st.integers(0, 1))
def test_another_environment_never_denies(changes: dict[str, Any], index: int) -> None:
    document = RELEASE.to_document()
    other = {"name": "other", "tee": "snp", "measurement": {"equals": samples.OTHER_MEASUREMENT}}
    document["spec"]["any-of"].insert(index, other)
    wider = compile_release(parse_document(document), [GUARDRAILS])  # type: ignore[arg-type]
    claims = samples.CLAIMS | changes
    if decide(claims).allowed:
        assert evaluate(wider, claims, now=NOW).allowed


@CALM
@given(st.dictionaries(st.sampled_from(NEEDED), OTHERS, max_size=2))
def test_another_guardrail_never_allows(changes: dict[str, Any]) -> None:
    claims = samples.CLAIMS | changes
    with_none = evaluate(compile_release(RELEASE), claims, now=NOW)
    assert with_none.allowed or not decide(claims).allowed
    assert with_none.lease_ms >= decide(claims).lease_ms


SIZES = st.integers(0, 1 << 28)
IMPORTS = ["fd_read", "fd_write", "path_open", "random_get", "sock_send"]
NAMES = [f"wasi_snapshot_preview1.{name}" for name in IMPORTS]
FEATURES = st.lists(st.sampled_from(["simd", "threads", "gc"]), unique=True)
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "memory": st.integers(1 << 16, 1 << 28), "fuel": st.integers(1, 1 << 40),
        "wall-clock": st.integers(1, 60_000), "stack": st.integers(1 << 14, 1 << 20),
        "open-files": st.integers(3, 100), "instances": st.integers(1, 8),
    },
)  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> CapabilityPolicy:
    kind = draw(st.sampled_from(["deny", "deterministic", "coarse", "real"]))
    start = {"start": "2026-01-01T00:00:00Z"} if kind == "deterministic" else {}
    random = draw(
        st.sampled_from([{"kind": "deny"}, {"kind": "seeded", "seed": "s"}, {"kind": "real"}])
    )
    stdin = draw(SIZES)
    mounts = [
        {"path": "/e", "source": "empty", "access": "read-write", "max-bytes": draw(SIZES)},
        {"path": "/i", "source": "inline", "contents": {"f": {"text": "abc"}}},
        {"path": "/h", "source": "host", "access": "read-write", "write-back": draw(st.booleans())},
    ]
    spec = {
        "mode": draw(st.sampled_from(["enforce", "audit"])),
        "env": {"A": {"value": "1"}, "B": {"from": "runner"}},
        "stdin": {"allow": stdin > 0, "max-bytes": stdin},
        "stdout": {"max-bytes": draw(SIZES)},
        "files": draw(st.lists(st.sampled_from(mounts), unique_by=lambda item: item["path"])),
        "clock": {"kind": kind} | start,
        "random": random,
        "limits": draw(LIMITS),
        "features": draw(FEATURES),
        "imports": draw(st.lists(st.sampled_from(NAMES), unique=True)),
    }
    return _document("CapabilityPolicy", spec)


@st.composite
def guardrails(draw: st.DrawFn) -> Guardrails:
    optional = {
        "mode": st.sampled_from(["enforce", "audit"]),
        "limits": LIMITS,
        "stdin": st.builds(lambda most: {"max-bytes": most}, SIZES),
        "stdout": st.builds(lambda most: {"max-bytes": most}, SIZES),
        "files": st.builds(lambda most: {"max-bytes": most}, SIZES),
        "host-files": st.sampled_from(["deny", "read-only", "read-write"]),
        "env-from-runner": st.sampled_from(["deny", "allow"]),
        "clock": st.sampled_from(["deny", "deterministic", "coarse", "real"]),
        "random": st.sampled_from(["deny", "seeded", "real"]),
        "imports": st.sampled_from(
            [{"allow": ["wasi_snapshot_preview1.*"]}, {"deny": ["wasi_snapshot_preview1.sock_*"]}]
        ),
    }
    grant = draw(st.fixed_dictionaries({"features": FEATURES}, optional=optional))
    return _document("Guardrails", {"grant": grant})


def _document(kind: str, spec: dict[str, Any]) -> Any:
    head = {"apiVersion": "sealwasm/v1", "kind": kind, "metadata": {"name": "p"}}
    return parse_document(head | {"spec": spec})


def granted(request: CapabilityPolicy, guards: list[Guardrails]) -> CapabilityPolicy | None:
    try:
        return effective_grant(request, guards).document
    except PolicyDenied:
        return None


@FEW
@given(requests(), st.lists(guardrails(), max_size=3), st.randoms(use_true_random=False))
def test_a_grant_only_ever_shrinks(
    request: CapabilityPolicy, guards: list[Guardrails], dice: Any
) -> None:
    grant = granted(request, guards)
    shuffled = list(guards)
    dice.shuffle(shuffled)
    assert granted(request, shuffled) == grant
    for guard in guards:
        alone = granted(request, [guard])
        if alone is None:
            assert grant is None
        elif grant is not None:
            require_within(grant, alone)
    if grant is not None:
        require_within(grant, request)
        again = effective_grant(grant, guards)
        assert (again.document, again.reductions) == (grant, ())
        assert parse_canonical(grant.to_document()) == grant
        changed = {item.path for item in widenings(request, grant)}
        assert bool(changed) is bool(effective_grant(request, guards).reductions)


@CALM
@given(
    st.text(alphabet="ab01.*+?|()[]{}^$\\,-dws", max_size=24),
    st.lists(st.text("ab01.- \n\\", max_size=8)),
)
def test_patterns_agree_with_re_or_are_refused(pattern: str, subjects: list[str]) -> None:
    try:
        compiled = compile_pattern(pattern)
    except PatternError:
        return
    with warnings.catch_warnings():
        # `re` warns of set operations it may have one day; here the text means what it says.
        warnings.simplefilter("ignore", FutureWarning)
        reference = re.compile(pattern, re.ASCII)
    for subject in subjects:
        assert compiled.matches(subject) is bool(reference.fullmatch(subject)), (pattern, subject)


@FEW
@given(requests(), guardrails(), guardrails())
def test_the_narrowest_grant_is_what_both_guardrails_leave(
    request: CapabilityPolicy, one: Guardrails, other: Guardrails
) -> None:
    """What two brokers granted apart is what one with the guardrails of both would have granted."""
    apart = [granted(request, [guard]) for guard in (one, other)]
    together = granted(request, [one, other])
    if None in apart:
        assert together is None
        return
    grants = [grant for grant in apart if grant is not None]
    found = narrowest(grants)
    assert found == narrowest(grants[::-1])
    assert narrowest([found, *grants]) == found
    assert together == found
