"""May this environment have this key, and what may the module do there? Policies, compiled once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

from attestation.appraise import AttestationResult
from attestation.claims import VerifiedClaims
from attestation.trust_vector import Tier, tier_of, worst
from keybroker.errors import BrokerCode, BrokerError
from keybroker.limits import CACHED_POLICIES, ENROLMENT_BODY_BYTES
from keybroker.modules import OwnedModule
from keybroker.store.protocol import PolicyRow
from policies.claims import ClaimValue
from policies.decision import Decision
from policies.errors import PolicyError, PolicyRefusal
from policies.errors import Problem as PolicyProblem
from policies.evaluate import CompiledRelease, compile_release, require_release
from policies.grant import effective_grant
from policies.load import parse_canonical
from policies.models import CapabilityPolicy, Guardrails, PolicyDocument, ReleasePolicy
from sealing import canonical
from sealing.hidden_bill import HiddenBill
from sealing.holders.outside import COCO, JWE
from sealing.holders.recipients import RECOVERY

FindPolicy = Callable[[str, str], PolicyRow | None]
_Kind = TypeVar("_Kind", bound=PolicyDocument)


@dataclass(frozen=True, slots=True)
class _Document:
    """A policy document under its digest, which is all that caches compare."""

    digest: str
    content: Mapping[str, Any] | bytes = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class GrantedPolicy:
    """A grant as a document whose members are in order, and its digest."""

    document: dict[str, Any] = field(repr=False)
    digest: str


class Rulings:
    """The policies of all owners under the guardrails of this broker. Safe between threads."""

    def __init__(self, find_policy: FindPolicy, guardrails: Sequence[Guardrails]) -> None:
        self._find_policy = find_policy
        self._guardrails = tuple(guardrails)
        # Both results depend on the document and on guardrails that stay as long as we run.
        self._compiled = lru_cache(maxsize=CACHED_POLICIES)(self._compile)
        self._granted = lru_cache(maxsize=CACHED_POLICIES)(self._cut_down)

    def require(
        self, module: OwnedModule, facts: Mapping[str, ClaimValue], *, now: datetime
    ) -> Decision:
        """Return the decision that allows this release, or raise.

        Raises `PolicyDenied`, which holds the decision, and `BrokerError` with `POLICY_UNKNOWN`.
        """
        compiled = self.compiled(module.statement.owner, module.statement.policy)
        return require_release(compiled, facts, now=now)

    def compiled(self, owner: str, policy: str) -> CompiledRelease:
        """Return the newest version of an owner's policy, or raise `POLICY_UNKNOWN`."""
        row = self._find_policy(owner, policy)
        if row is None:
            raise BrokerError(BrokerCode.POLICY_UNKNOWN, f"owner {owner} has no policy {policy}")
        return self._compiled(_Document(row.digest, row.document))

    def grant(self, module: OwnedModule) -> GrantedPolicy:
        """Return what the owner asked for, cut down to the guardrails.

        Raises `PolicyDenied` where it cannot be cut, `PolicyError` for a document that is none.
        """
        said = module.statement
        return self._granted(_Document(said.capabilities_digest, said.capabilities))

    def _compile(self, document: _Document) -> CompiledRelease:
        return compile_release(parse_release_policy(document.content), self._guardrails)

    def _cut_down(self, document: _Document) -> GrantedPolicy:
        requested = _require_kind(_parsed(document.content), CapabilityPolicy)
        granted = effective_grant(requested, self._guardrails).document.to_document()
        written = canonical.encode(granted)
        return GrantedPolicy(json.loads(written), canonical.digest_of(written))


def facts_of(
    claims: VerifiedClaims, result: AttestationResult, module: Mapping[str, ClaimValue]
) -> dict[str, ClaimValue]:
    """Return all that a policy may ask about: evidence, its appraisal, the facts of the module."""
    return {
        **claims.values,
        "ear.status": result.status.value,
        "ear.executables": tier_in(result, "executables").value,
        "ear.hardware": tier_in(result, "hardware").value,
        **module,
    }


# Who may open a module besides its brokers, as the owner's statement lists them.
_OTHER_HOLDERS: Final = (JWE, COCO, RECOVERY)


def facts_of_module(module: OwnedModule) -> dict[str, ClaimValue]:
    """Return what the owner signed about the module, as policies name it."""
    statement = module.statement
    return {
        "request.module": statement.module,
        "request.version": str(statement.version),
        "request.owner": statement.owner,
        "request.policy": statement.policy,
        "request.capabilities": statement.capabilities_digest,
        "request.manifest": statement.manifest,
        "request.bill-hidden": isinstance(statement.bill, HiddenBill),
        "request.brokers-needed": statement.threshold,
        **{f"request.opens-with.{kind}": kind in statement.recipients for kind in _OTHER_HOLDERS},
    }


def tier_in(result: AttestationResult, name: str) -> Tier:
    """Return the worst tier that a result gives one member of the trust vector."""
    return worst(tier_of(appraisal.vector[name]) for appraisal in result.submods.values())


def parse_release_policy(content: Mapping[str, Any] | bytes) -> ReleasePolicy:
    """Return the release policy in a canonical document, or raise `PolicyError`."""
    return _require_kind(_parsed(content), ReleasePolicy)


def _parsed(content: Mapping[str, Any] | bytes) -> PolicyDocument:
    if not isinstance(content, bytes):
        return parse_canonical(content)
    what = "policy document"
    document = canonical.parse_canonical(content, limit_bytes=ENROLMENT_BODY_BYTES, what=what)
    return parse_canonical(document)


def _require_kind(document: PolicyDocument, kind: type[_Kind]) -> _Kind:
    if isinstance(document, kind):
        return document
    detail = f"got a {type(document).__name__}, expected a {kind.__name__}"
    raise PolicyError(PolicyProblem(PolicyRefusal.UNKNOWN_KIND, "document", "kind", detail))
