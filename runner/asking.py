"""The request for a release: every part of it is bound into the evidence."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Final

from keybroker.protocol import (
    MAX_BUNDLE_BYTES,
    MAX_MANIFEST_BYTES,
    Binding,
    ReleaseRequest,
    RunnerKey,
)
from runner.attest import take_evidence
from runner.broker import Broker
from runner.errors import RunnerCode, RunnerError
from runner.fetching import SignedModule
from runner.order import World
from runner.receipt import raw_ed25519
from sealing.keys import VerifyingKey

# 24 bytes are 32 characters of the idempotency key: nobody guesses another's.
IDEMPOTENCY_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it goes out, and the binding document whose hash is in its evidence."""

    request: ReleaseRequest = field(repr=False)
    binding: Binding = field(repr=False)


def make_request(
    world: World,
    broker: Broker,
    module: SignedModule,
    *,
    runner_key: RunnerKey,
    receipt_key: VerifyingKey,
) -> Asked:
    """Return the request to `broker` for `module`: its fresh challenge, evidence over all the rest.

    Raises `RunnerError` if the artifact does not fit a request, the broker gives no
    challenge or the TEE no evidence.
    """
    if len(module.manifest) > MAX_MANIFEST_BYTES or len(module.bundle) > MAX_BUNDLE_BYTES:
        detail = f"manifest of {len(module.manifest)} and signature of {len(module.bundle)} bytes"
        raise RunnerError(RunnerCode.ARTIFACT_REFUSED, f"{detail} are too large")
    attester = world.attester(broker)
    challenge = broker.challenge()
    unattested = ReleaseRequest(
        challenge=challenge.challenge,
        runner_key=runner_key,
        receipt_key=raw_ed25519(receipt_key),
        evidence={"tee": attester.tee},
        manifest=module.manifest,
        signatures=(module.bundle,),
        idempotency_key=base64.urlsafe_b64encode(world.entropy(IDEMPOTENCY_BYTES)).decode("ascii"),
    )
    binding = unattested.binding(challenge.nonce)
    evidence = take_evidence(attester, binding.report_data())
    return Asked(unattested.model_copy(update={"evidence": evidence.to_wire()}), binding)
