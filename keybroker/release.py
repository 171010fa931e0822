"""The release of a content key, from request to answer: docs/specs/release-protocol.md.

`ReleaseService.release` is the whole story. Its steps live in `keybroker.appraisal` (who speaks),
`keybroker.modules` (whose module), `keybroker.rulings` (do policies allow it), `keybroker.answers`
(what is sent) and `keybroker.records` (what is written).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from attestation.report_data import ExpectedReportData
from keybroker.answers import RELEASED, AnswerWriter, Ruling
from keybroker.appraisal import EvidenceTrust
from keybroker.challenges import Challenges
from keybroker.errors import BrokerError
from keybroker.keys import BrokerKeys
from keybroker.metrics import Metrics
from keybroker.modules import Modules, open_content_key
from keybroker.problems import REFUSED, Refused, code_of, detail_of
from keybroker.protocol import MAX_REQUEST_BYTES, ReleaseRequest
from keybroker.ratelimit import RateLimiter
from keybroker.records import Asked, Attempt, refusal_record
from keybroker.rulings import Rulings, facts_of, facts_of_module
from keybroker.store.protocol import ReleaseRecord, Store
from policies.errors import PolicyDenied
from sealing.canonical import digest_of

Clock = Callable[[], datetime]
Entropy = Callable[[int], bytes]


def utc_now() -> datetime:
    """Return the time, aware and in whole seconds, which is the resolution of the wire."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class ReleaseService:
    """Decides about requests for content keys. Safe to call from many threads."""

    store: Store = field(repr=False)
    keys: BrokerKeys
    trust: EvidenceTrust
    modules: Modules = field(repr=False)
    rulings: Rulings = field(repr=False)
    challenges: Challenges = field(repr=False)
    answers: AnswerWriter = field(repr=False)
    rate: RateLimiter = field(repr=False)
    metrics: Metrics = field(repr=False)
    clock: Clock = utc_now
    entropy: Entropy = field(default=secrets.token_bytes, repr=False)

    def release(self, body: bytes, *, source: str) -> bytes:
        """Release one content key to one attested runner, or raise. There is no partial success.

        A request that was answered before gets the same answer again. Raises the errors of
        `REFUSED`; nothing was released then.
        """
        # (4.1) Cheap limits before expensive questions; then one exact form.
        now = self.clock()
        self.rate.take(source, now=now)
        request = ReleaseRequest.parse(body, limit_bytes=MAX_REQUEST_BYTES)
        asked = Asked(request, digest_of(body), request.runner_key.sealing_key())

        # (4.2) Is the challenge ours and in date? Whoever has none leaves no trace.
        try:
            challenge = self.challenges.open(request.challenge, now=now)
        except BrokerError:
            answer = self._answered_before(asked)
            if answer is None:
                raise
            return answer
        attempt = Attempt.begin(asked, challenge, at=now, entropy=self.entropy)

        # From here on a refusal spends the challenge, and is on disk before anybody hears of it.
        try:
            record = self._decide(attempt)
            # (4.11) All of it on disk, or nothing of it anywhere.
            self.store.record_release(record)
        except REFUSED as error:
            return self._repeat_or_refuse(attempt, error)

        # (4.12) Only now does anybody hear of it.
        self.metrics.count_decision(RELEASED)
        return record.response

    def _decide(self, attempt: Attempt) -> ReleaseRecord:
        """Return what to record and send, or raise. Writes nothing."""
        # (4.3, 4.4) Who is speaking, just now, to us, and for this very request?
        expected = ExpectedReportData(attempt.binding.report_data())
        request = attempt.asked.request
        claims = self.trust.verify(request.evidence, report_data=expected, now=attempt.at)
        attempt.claims = claims

        # (4.5) Whose module is it? An enrolled owner signed exactly this manifest.
        module = self.modules.verify(request.manifest, request.signatures)
        attempt.module = module

        # (4.6) How much do we trust the speaker?
        result = self.trust.appraise(claims)

        # (4.7) Do the owner and every guardrail want it to have this key?
        attempt.facts = facts_of(claims, result, facts_of_module(module))
        decision = self.rulings.require(module, attempt.facts, now=attempt.at)
        attempt.decision = decision

        # (4.8) What may the module do there?
        grant = self.rulings.grant(module)

        # (4.9) The content key or our share of it, from the envelope the owner sealed for us.
        content_key = open_content_key(module, self.keys)
        attempt.share = content_key.share

        # (4.10) Wrap it to the key inside the evidence, and sign what it is for.
        ruling = Ruling(claims, result, module, decision, grant)
        return self.answers.write(attempt, ruling, content_key)

    def _answered_before(self, asked: Asked) -> bytes | None:
        """Return the answer that this very request got before, if it did."""
        key = asked.request.idempotency_key
        stored = self.store.stored_response(asked.runner_key.key_id, key)
        if stored is None or stored.request_digest != asked.digest:
            return None
        return stored.response

    def _repeat_or_refuse(self, attempt: Attempt, error: Refused) -> bytes:
        """Give the same answer again whatever would be said now, or refuse for good and raise."""
        answer = self._answered_before(attempt.asked)
        if answer is not None:
            return answer
        code, reason = code_of(error), detail_of(error)
        if isinstance(error, PolicyDenied):
            attempt.denial = error.decision
        self.store.record_refusal(refusal_record(attempt, code=code, reason=reason))
        self.metrics.count_decision(str(code))
        raise BrokerError(code, reason, decision=attempt.id, rules=attempt.rules) from error
