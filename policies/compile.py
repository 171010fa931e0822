"""Turns a release policy and the guardrails above it into flat lists of rules.

Done once per policy version. Besides what is written, every environment gets the rules that
silence means: its TEE type, not simulated, not debuggable. Spec policy section E.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from policies.checks import Check, build_check, name_check
from policies.claims import CLAIMS, CLAIMS_OF, ClaimSource
from policies.conditions import Condition
from policies.decision import DocumentRef, Rule
from policies.fields import format_instant
from policies.limits import MAX_GUARDRAILS
from policies.models import Environment, Guardrails, PolicyDocument, ReleasePolicy
from policies.operators import Expected, Operator
from policies.source import Path, render_path

CompiledRule = tuple[Rule, str, Check]
Rules = tuple[CompiledRule, ...]

# Releasing to simulated silicon or to a debuggable guest takes a word in the policy.
_IMPLIED = "not written, so denied"
_SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class CompiledEnvironment:
    """One environment and all its rules."""

    name: str
    rules: Rules


@dataclass(frozen=True, slots=True)
class CompiledMinimum:
    """The least TCB per product; `unlisted` fails for a product that has none."""

    unlisted: Rules
    by_product: Mapping[str, Rules]


@dataclass(frozen=True, slots=True)
class CompiledWindow:
    """One end of the window and its rule."""

    rule: Rule
    instant: datetime


@dataclass(frozen=True, slots=True)
class CompiledRelease:
    """Everything `evaluate` needs; immutable, shared between threads."""

    policy: DocumentRef
    guardrail_refs: tuple[DocumentRef, ...]
    lease_ms: int
    applies_to: Rules
    window: tuple[CompiledWindow, ...]
    empty: Rule
    environments: tuple[CompiledEnvironment, ...]
    guards: Rules
    minimums: tuple[CompiledMinimum, ...]


class _RuleMaker:
    """Makes rules whose ids start with the name of one document."""

    def __init__(self, document: PolicyDocument) -> None:
        self.source = document.source
        self.name = document.name

    def text(
        self,
        rule_id: str,
        path: Path,
        claim: str,
        operator: Operator,
        *,
        expected: Expected,
        because: str = "",
    ) -> Rule:
        """The explanation of a rule."""
        known = CLAIMS.get(claim)
        return Rule(
            id=f"{self.name}/{rule_id}",
            path=render_path(path),
            claim=claim,
            operator=operator,
            expected=expected,
            source=known.source if known else ClaimSource.BROKER,
            where=self.source.place(path),
            because=because,
        )

    def rule(
        self,
        rule_id: str,
        path: Path,
        claim: str,
        operator: Operator,
        *,
        expected: Expected,
        because: str = "",
    ) -> CompiledRule:
        """A rule with the check that its operator means."""
        check = build_check(CLAIMS[claim], operator, expected)
        text = self.text(rule_id, path, claim, operator, expected=expected, because=because)
        return text, claim, check

    def conditions(self, prefix: str, path: Path, conditions: Sequence[Condition]) -> Rules:
        """The rules of conditions that stand in the mapping at `path`."""
        return tuple(
            self.rule(
                f"{prefix}/{item.claim}/{item.operator}",
                (*path, *item.path),
                item.claim,
                item.operator,
                expected=item.expected,
                because=item.because,
            )
            for item in conditions
        )


def refer(document: PolicyDocument) -> DocumentRef:
    """Kind, name, version and digest of a document."""
    kind = type(document).__name__
    return DocumentRef(kind, document.name, document.metadata.version, document.digest)


def _environment(
    maker: _RuleMaker, index: int, environment: Environment, *, may_simulate: bool
) -> CompiledEnvironment:
    path: Path = ("spec", "any-of", index)
    name = environment.name
    rules: list[CompiledRule] = [
        maker.rule(f"{name}/tee", (*path, "tee"), "tee", Operator.EQUALS, expected=environment.tee),
        _simulation_rule(maker, f"{name}/simulated-tee", path, may_simulate=may_simulate),
    ]
    # A TEE without the notion, such as a TPM, says nothing of it; an unknown one has to.
    says_debug = "debug" in CLAIMS_OF.get(environment.tee, CLAIMS)
    if says_debug and not any(item.claim == "debug" for item in environment.conditions):
        debug = (*path, "debug")
        rules.append(
            maker.rule(
                f"{name}/debug", debug, "debug", Operator.EQUALS, expected=False, because=_IMPLIED
            )
        )
    rules.extend(maker.conditions(name, path, environment.conditions))
    return CompiledEnvironment(name, tuple(rules))


def _simulation_rule(
    maker: _RuleMaker, rule_id: str, path: Path, *, may_simulate: bool
) -> CompiledRule:
    """Even where simulation is allowed the claim must be there: somebody has to have looked."""
    here = (*path, "simulated-tee")
    operator = Operator.EXISTS if may_simulate else Operator.EQUALS
    return maker.rule(rule_id, here, _SIMULATED, operator, expected=may_simulate)


def _applies_to(maker: _RuleMaker, policy: ReleasePolicy) -> Iterator[CompiledRule]:
    path: Path = ("spec", "applies-to")
    wanted = policy.spec.applies_to
    if wanted.modules:
        rule = maker.text(
            "applies-to/modules",
            (*path, "modules"),
            "request.module",
            Operator.IN,
            expected=wanted.modules,
        )
        yield rule, "request.module", name_check(wanted.modules)
    for key, claim, values in (
        ("owners", "request.owner", wanted.owners),
        ("capabilities", "request.capabilities", wanted.capabilities),
        ("manifests", "request.manifest", wanted.manifests),
    ):
        if values:
            yield maker.rule(f"applies-to/{key}", (*path, key), claim, Operator.IN, expected=values)


def _window(maker: _RuleMaker, policy: ReleasePolicy) -> Iterator[CompiledWindow]:
    window = policy.spec.window
    for key, operator, instant in (
        ("not-before", Operator.AT_LEAST, window.not_before),
        ("not-after", Operator.AT_MOST, window.not_after),
    ):
        if instant is not None:
            path: Path = ("spec", "window", key)
            expected = format_instant(instant)
            rule = maker.text(f"window/{key}", path, "now", operator, expected=expected)
            yield CompiledWindow(rule, instant)


def _guards(maker: _RuleMaker, guardrails: Guardrails) -> Iterator[CompiledRule]:
    path: Path = ("spec", "release")
    release = guardrails.spec.release
    may_simulate = release.simulated_tee == "allow"
    yield _simulation_rule(maker, "simulated-tee", path, may_simulate=may_simulate)
    for key, claim, values in (
        ("tees", "tee", release.tees),
        ("products", "product", release.products),
        ("signing-keys", "signing-key", release.signing_keys),
    ):
        if values:
            yield maker.rule(key, (*path, key), claim, Operator.IN, expected=values)
    yield from maker.conditions("require", (*path, "require"), release.require)


def _minimum(maker: _RuleMaker, guardrails: Guardrails) -> CompiledMinimum | None:
    """Reported and launch TCB: what signs the report, and what launched the guest."""
    minimum = guardrails.spec.release.minimum_tcb
    if not minimum:
        return None
    path: Path = ("spec", "release", "minimum-tcb")
    unlisted = maker.rule(
        "minimum-tcb", path, "product", Operator.IN, expected=tuple(sorted(minimum))
    )
    by_product: dict[str, Rules] = {
        product: tuple(
            maker.rule(
                f"minimum-tcb/{product}/tcb.{level}.{part}",
                (*path, product, part),
                f"tcb.{level}.{part}",
                Operator.AT_LEAST,
                expected=least,
            )
            for level in ("reported", "launch")
            for part, least in parts.parts.items()
        )
        for product, parts in minimum.items()
    }
    return CompiledMinimum((unlisted,), by_product)


def compile_release(
    policy: ReleasePolicy, guardrails: Sequence[Guardrails] = ()
) -> CompiledRelease:
    """The rules of `policy` and of every guardrail, ready for `evaluate`.

    Does not check who signed the documents. Raises `ValueError` for more guardrails than
    `MAX_GUARDRAILS`, which is a fault of the caller.
    """
    if len(guardrails) > MAX_GUARDRAILS:
        raise ValueError(f"got {len(guardrails)} guardrails, expected at most {MAX_GUARDRAILS}")
    maker = _RuleMaker(policy)
    makers = [(_RuleMaker(item), item) for item in guardrails]
    spec = policy.spec
    leases = [item.spec.release.max_lease_ms for item in guardrails]
    return CompiledRelease(
        policy=refer(policy),
        guardrail_refs=tuple(refer(item) for item in guardrails),
        lease_ms=min([spec.lease_ms, *(lease for lease in leases if lease is not None)]),
        applies_to=tuple(_applies_to(maker, policy)),
        window=tuple(_window(maker, policy)),
        empty=maker.text(
            "any-of", ("spec", "any-of"), "environment", Operator.EXISTS, expected=True
        ),
        environments=tuple(
            _environment(
                maker,
                index,
                environment,
                may_simulate=(environment.simulated_tee or spec.simulated_tee) == "allow",
            )
            for index, environment in enumerate(spec.any_of)
        ),
        guards=tuple(rule for made, item in makers for rule in _guards(made, item)),
        minimums=tuple(
            minimum for made, item in makers if (minimum := _minimum(made, item)) is not None
        ),
    )
