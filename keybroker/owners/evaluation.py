"""What would the broker decide? The same path for an owner, with a full answer and no key.

An evaluation spends no challenge, opens no envelope and writes no lease. Format:
docs/specs/enrolment.md, section 4.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from attestation.report_data import REPORT_DATA_BYTES, ExpectedReportData, UnsafeAnyReportData
from keybroker.appraisal import EvidenceTrust
from keybroker.modules import verify_module
from keybroker.owners.directory import Directory
from keybroker.owners.documents import OwnedDocument, require_current, verify_owned
from keybroker.protocol import MAX_MANIFEST_BYTES, Base64, Bundle, Evidence, Message, Name
from keybroker.rulings import Rulings, facts_of, facts_of_module
from policies.claims import ClaimValue
from policies.evaluate import evaluate
from policies.explain import decision_document

EVALUATION_TYPE = "application/vnd.sealwasm.evaluation.v1+json"
ANY_REPORT_DATA: Literal["unsafe-any"] = "unsafe-any"

_log = logging.getLogger("keybroker.owners.evaluation")


class SignedModule(Message):
    """A sealed module as a release would name it."""

    manifest: Annotated[Base64, Field(min_length=2, max_length=MAX_MANIFEST_BYTES)]
    signature: Bundle


class EvaluationDocument(OwnedDocument):
    """A question: what does my policy say to this evidence? Without a module, facts of it lack."""

    policy: Name
    evidence: Evidence
    report_data: (
        Annotated[Base64, Field(min_length=REPORT_DATA_BYTES, max_length=REPORT_DATA_BYTES)]
        | Literal["unsafe-any"]
    )
    module: SignedModule | None = None


class EvaluationResponse(Message):
    """The whole decision, for the owner who asked."""

    allowed: bool
    decision: dict[str, Any]
    facts: dict[str, bool | int | str]


@dataclass(frozen=True, slots=True)
class EvaluationService:
    """Explains decisions to owners. Safe to call from many threads."""

    directory: Directory = field(repr=False)
    identity: str
    trust: EvidenceTrust
    rulings: Rulings = field(repr=False)
    clock: Callable[[], datetime] = field(repr=False)

    def evaluate(self, body: bytes) -> EvaluationResponse:
        """Return what the policy says to the evidence an owner sent.

        Raises the errors of `keybroker.problems.REFUSED`; a denial is an answer, not an error.
        """
        # (4.1) An enrolled owner asks this broker, now.
        now = self.clock()
        asked = verify_owned(
            body, EvaluationDocument, payload_type=EVALUATION_TYPE, find_owner=self.directory.owner
        )
        require_current(asked, identity=self.identity, now=now)

        # (4.2) The steps of a release, up to the decision.
        expected = _expected(asked.report_data)
        claims = self.trust.verify(asked.evidence, report_data=expected, now=now)
        said = self._facts_of_request(asked)
        facts = facts_of(claims, self.trust.appraise(claims), said)
        decision = evaluate(self.rulings.compiled(asked.owner, asked.policy), facts, now=now)

        # (4.3) All of it, to the owner alone.
        code = decision.code or "allowed"
        _log.info("evaluated", extra={"code": str(code), "simulated": decision.simulated})
        return EvaluationResponse(
            allowed=decision.allowed, decision=decision_document(decision), facts=facts
        )

    def _facts_of_request(self, asked: EvaluationDocument) -> dict[str, ClaimValue]:
        if asked.module is None:
            return {"request.owner": asked.owner, "request.policy": asked.policy}
        module = asked.module
        return facts_of_module(
            verify_module(module.manifest, module.signature, find_owner=self.directory.owner)
        )


def _expected(value: bytes | str) -> ExpectedReportData | UnsafeAnyReportData:
    return ExpectedReportData(value) if isinstance(value, bytes) else UnsafeAnyReportData()
