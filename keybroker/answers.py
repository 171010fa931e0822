"""The answer to a release: lease, signed document, wrapped key, and the record of all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from attestation.appraise import AttestationResult
from attestation.claims import VerifiedClaims
from attestation.ear import EarIssuer
from keybroker.audit.leaf import ReleaseLeaf, encode_leaf
from keybroker.keys import BrokerKeys
from keybroker.modules import KeyMaterial, OwnedModule
from keybroker.ordered import ordered_json
from keybroker.protocol import RELEASE_TYPE, format_time, release_info
from keybroker.records import Attempt, decision_row, new_id, policy_reference
from keybroker.rulings import GrantedPolicy
from keybroker.store.protocol import (
    DecisionKind,
    Idempotency,
    LeaseRow,
    Quota,
    ReleaseRecord,
)
from policies.decision import Decision
from sealing import canonical
from sealing.signatures import dsse

RELEASED = "released"
# A runner renews when a third of its lease is left: time for several tries.
_RENEW_AT = 2 / 3


@dataclass(frozen=True, slots=True)
class Ruling:
    """Everything that was proved and decided about one request, before its key is wrapped."""

    claims: VerifiedClaims
    result: AttestationResult
    module: OwnedModule
    decision: Decision
    grant: GrantedPolicy


class AnswerWriter:
    """Writes answers under the broker's keys. Safe to call from many threads."""

    def __init__(self, keys: BrokerKeys, *, quota: Quota, entropy: Callable[[int], bytes]) -> None:
        self._keys = keys
        self._quota = quota
        self._entropy = entropy
        issuer = f"urn:sealwasm:broker:{keys.identity.key_id}"
        self._ear = EarIssuer(keys.ear_private_key(), issuer)

    def write(self, attempt: Attempt, ruling: Ruling, content_key: KeyMaterial) -> ReleaseRecord:
        """Return what is stored and sent for this release. The key in it is wrapped."""
        lease = self._lease(attempt, ruling)
        leaf = encode_leaf(_leaf(attempt, ruling, lease))
        payload = ordered_json(self._document(attempt, ruling, lease, leaf))
        info = release_info(
            payload,
            decision=attempt.id,
            grant=ruling.grant.digest,
            lease=lease.id,
            manifest=attempt.binding.manifest,
        )
        response = {
            "release": dsse.sign(RELEASE_TYPE, payload, [self._keys.identity]).decode(),
            "wrapped_key": canonical.b64encode(
                attempt.asked.runner_key.seal(content_key.secret, info=info)
            ),
        }
        return ReleaseRecord(
            challenge=attempt.challenge_use,
            idempotency=Idempotency(
                lease.runner_key,
                attempt.asked.request.idempotency_key,
                attempt.asked.digest,
                lease.expires,
            ),
            response=ordered_json(response),
            quota=self._quota,
            lease=lease,
            version=ruling.module.statement.version,
            policy_version=ruling.decision.policy.version,
            manifest=ruling.module.statement.manifest,
            decision=decision_row(attempt, kind=DecisionKind.RELEASE, code=RELEASED),
            leaf=leaf,
        )

    def _lease(self, attempt: Attempt, ruling: Ruling) -> LeaseRow:
        said = ruling.module.statement
        return LeaseRow(
            id=new_id("lease", self._entropy),
            decision=attempt.id,
            owner=said.owner,
            module=said.module,
            policy=said.policy,
            runner_key=attempt.asked.runner_key.key_id,
            issued=attempt.at,
            expires=attempt.at + timedelta(seconds=max(1, ruling.decision.lease_ms // 1000)),
        )

    def _document(
        self, attempt: Attempt, ruling: Ruling, lease: LeaseRow, leaf: bytes
    ) -> dict[str, Any]:
        """Return a `protocol.ReleaseDocument`, as the JSON values that runners read, in order."""
        said, policy = ruling.module.statement, ruling.decision.policy
        seconds = int((lease.expires - lease.issued).total_seconds())
        renew_after = lease.issued + timedelta(seconds=int(seconds * _RENEW_AT))
        return {
            "decision": attempt.id,
            "grant": ruling.grant.document,
            "guardrails": [item.digest for item in ruling.decision.guardrails],
            "leaf": canonical.b64encode(leaf),
            "lease": {
                "expires": format_time(lease.expires),
                "id": lease.id,
                "renew_after": format_time(renew_after),
            },
            "manifest": attempt.binding.manifest,
            "module": said.module,
            "owner": said.owner,
            "policy": {"digest": policy.digest, "name": policy.name, "version": policy.version},
            "request": attempt.binding.digest(),
            "result": self._ear.issue(
                ruling.result,
                now=attempt.at,
                ttl_seconds=seconds,
                nonce=attempt.challenge.nonce,
            ),
            **_share_of(attempt),
            "simulated": ruling.claims.simulated,
            "v": 1,
            "version": said.version,
        }


def _share_of(attempt: Attempt) -> dict[str, Any]:
    """Return what a runner is told about the share it gets; nothing of a whole key."""
    share = attempt.share
    if share is None:
        return {}
    told = {"index": share.index, "of": share.of, "set": share.set, "threshold": share.threshold}
    return {"share": told}


def _leaf(attempt: Attempt, ruling: Ruling, lease: LeaseRow) -> ReleaseLeaf:
    said = ruling.module.statement
    return ReleaseLeaf(
        id=attempt.id,
        at=attempt.at,
        owner=said.owner,
        module=said.module,
        version=said.version,
        policy=policy_reference(ruling.decision),
        guardrails=tuple(item.digest for item in ruling.decision.guardrails),
        tee=ruling.claims.tee,
        simulated=ruling.claims.simulated,
        evidence=attempt.evidence_digest,
        manifest=said.manifest,
        request=attempt.binding.digest(),
        grant=ruling.grant.digest,
        runner_key=lease.runner_key,
        lease=lease.id,
        lease_expires=lease.expires,
    )
