"""The worker's word on one release: only it can open what a broker wrapped."""

from __future__ import annotations

from typing import Final

from runner.errors import RunnerCode, RunnerError
from runner.releasing import Released
from runner.supervise import failure_of, hear
from runner.worker import limits
from runner.worker.frames import malformed
from runner.worker.messages import Accepted, Refused, Release
from runner.worker.process import WorkerProcess

# What a worker may find wrong with a release. All else would be about itself: that is no verdict.
_REFUSALS: Final = frozenset(
    {
        RunnerCode.ARTIFACT_REFUSED,
        RunnerCode.BROKER_NOT_GENUINE,
        RunnerCode.BROKER_REPEATED,
        RunnerCode.GRANT_INVALID,
        RunnerCode.KEY_NOT_OPENED,
        RunnerCode.LEASE_EXPIRED,
    }
)


def judge(worker: WorkerProcess, released: Released) -> RunnerError | None:
    """Return why `worker` refuses a release, or None if it keeps what was in it.

    Raises `RunnerError` if it says neither: then nothing is wrong with the broker, but with the
    worker or with the artifact.
    """
    request = released.asked.binding.digest()
    release = Release(identity=released.identity.spki, request=request)
    worker.send(release, released.answer)
    message = hear(worker, limits.JUDGE_SECONDS).message
    if isinstance(message, Refused):
        return failure_of(message, _REFUSALS)
    if not isinstance(message, Accepted) or message.broker != released.identity.key_id:
        raise malformed(f"got {message.type}, expected a word on this release")
    return None
