"""The demo's replay attack: one challenge, two requests, each with good evidence of its own."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from attestation.attesters import Attester
from attestation.simulated.platforms import load_platform
from keybroker.protocol import ReleaseRequest, RunnerKey
from runner.broker import HttpBroker
from runner.errors import RunnerError
from runner.measure import runner_measurement
from runner.receipt import raw_ed25519
from sealing.hpke import OpeningKey
from sealing.keys import ED25519, SigningKey
from sealwasm.artifacts.transfers import pull_artifact
from sealwasm.demo.stage import StepFailedError

ACCEPTED = "accepted"


def replay_challenge(url: str, platform: Path, reference: str) -> str:
    """Return how the broker answers the second request: a code, or `accepted`.

    Raises `StepFailedError` unless it accepts the first, which shows that nothing else is wrong.
    """
    artifact = pull_artifact(reference)
    guest = load_platform(platform).launch(runner_measurement().digest)
    broker = HttpBroker(url)
    try:
        challenge = broker.challenge()
        answers = [
            _ask(
                broker,
                _request(
                    guest, challenge.challenge, challenge.nonce, artifact.manifest, artifact.bundles
                ),
            )
            for _ in range(2)
        ]
    finally:
        broker.close()
    if answers[0] != ACCEPTED:
        raise StepFailedError(f"the first use of the challenge was refused: {answers[0]}")
    return answers[1]


def _request(
    guest: Attester, token: str, nonce: bytes, manifest: bytes, bundles: Sequence[bytes]
) -> ReleaseRequest:
    """Return a request with fresh keys and fresh evidence over all of it."""
    runner_key = OpeningKey.generate().public
    request = ReleaseRequest(
        challenge=token,
        runner_key=RunnerKey(suite=runner_key.suite, public=runner_key.raw),  # type: ignore[arg-type]
        receipt_key=raw_ed25519(SigningKey.generate(ED25519).public),
        evidence={"tee": guest.tee},
        manifest=manifest,
        signatures=tuple(bundles),
        idempotency_key=secrets.token_urlsafe(24),
    )
    evidence = guest.attest(request.binding(nonce).report_data())
    return request.model_copy(update={"evidence": evidence.to_wire()})


def _ask(broker: HttpBroker, request: ReleaseRequest) -> str:
    try:
        broker.release(request)
    except RunnerError as error:
        return error.reason or str(error.code)
    return ACCEPTED
