"""Reads policy documents: YAML as people write it, or the mapping that JSON gives.

Spec: docs/specs/policy.md sections Y and D.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import rfc8785
from pydantic import ValidationError

from policies.errors import PolicyError, PolicyRefusal, Problem
from policies.freeze import freeze
from policies.models import CapabilityPolicy, Guardrails, PolicyDocument, ReleasePolicy
from policies.problems import refusal_of
from policies.reader import read_yaml
from policies.scalars import describe
from policies.source import SourceMap
from policies.suggest import suggest

_T = TypeVar("_T", bound=PolicyDocument)
Policy = ReleasePolicy | CapabilityPolicy | Guardrails

KINDS: Mapping[str, type[Policy]] = {
    "CapabilityPolicy": CapabilityPolicy,
    "Guardrails": Guardrails,
    "ReleasePolicy": ReleasePolicy,
}


def _refuse(code: PolicyRefusal, source: SourceMap, detail: str, key: str = "") -> PolicyError:
    path = (key,) if key else ()
    return PolicyError(Problem(code, source.where(path), key, detail))


def _kind_of(value: Any, source: SourceMap) -> type[Policy]:
    if not isinstance(value, Mapping):
        detail = f"got {describe(value)}, expected a mapping with apiVersion, kind, metadata, spec"
        raise _refuse(PolicyRefusal.WRONG_TYPE, source, detail)
    if "kind" not in value:
        detail = f"kind is missing, expected one of {', '.join(KINDS)}"
        raise _refuse(PolicyRefusal.MISSING_KEY, source, detail)
    kind = value["kind"]
    if not isinstance(kind, str) or kind not in KINDS:
        detail = f"got {describe(kind)}, {suggest(str(kind), KINDS)}"
        raise _refuse(PolicyRefusal.UNKNOWN_KIND, source, detail, "kind")
    return KINDS[kind]


def _validate(value: Any, source: SourceMap) -> Policy:
    model = _kind_of(value, source)
    try:
        return model.model_validate(value).located(source)
    except ValidationError as error:
        raise refusal_of(error, source) from None


def load_policy(text: bytes, *, name: str) -> Policy:
    """The typed document in a YAML file; `name` is what errors and explanations call the file.

    Says nothing about who wrote it. Raises `PolicyError` with file, line and column.
    """
    return _validate(*read_yaml(text, name=name))


def parse_document(document: Mapping[str, Any], *, name: str = "document") -> Policy:
    """The typed document in a mapping, for example parsed JSON. Same models, no lines.

    Does not require the canonical form; `parse_canonical` does. Raises `PolicyError`.
    """
    return _validate(freeze(document, name=name), SourceMap(name))


def parse_canonical(document: Mapping[str, Any], *, name: str = "document") -> Policy:
    """As `parse_document`, for documents that came signed or hashed: exact form or refused.

    The digest of the result is then the digest of the bytes that were signed.
    """
    policy = parse_document(document, name=name)
    if rfc8785.dumps(policy.to_document()) != rfc8785.dumps(dict(document)):
        detail = "is not in canonical form, expected integers for quantities, sorted sets, "
        detail += "and no member that equals its default"
        raise PolicyError(Problem(PolicyRefusal.NOT_CANONICAL, name, "", detail))
    return policy


def _expect(policy: Policy, kind: type[_T]) -> _T:
    if isinstance(policy, kind):
        return policy
    detail = f"got a {policy.kind}, expected a {kind.__name__}"
    raise _refuse(PolicyRefusal.UNKNOWN_KIND, policy.source, detail, "kind")


def load_release(text: bytes, *, name: str) -> ReleasePolicy:
    """As `load_policy`; any other kind of document is refused."""
    return _expect(load_policy(text, name=name), ReleasePolicy)


def load_capabilities(text: bytes, *, name: str) -> CapabilityPolicy:
    """As `load_policy`; any other kind of document is refused."""
    return _expect(load_policy(text, name=name), CapabilityPolicy)


def load_guardrails(text: bytes, *, name: str) -> Guardrails:
    """As `load_policy`; any other kind of document is refused."""
    return _expect(load_policy(text, name=name), Guardrails)
