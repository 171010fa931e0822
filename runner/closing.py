"""After a run: the proofs that it is in the logs, the receipt, and what goes back to the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from keybroker.protocol import format_time
from runner.broker import Broker
from runner.collecting import Collected
from runner.ending import Ending
from runner.errors import RunnerError
from runner.host_files import write_back
from runner.inputs import Inputs, Offer, digest_of_trees
from runner.order import Report, Terms
from runner.receipt import Outputs, Predicate, Receipt, Result, ToldRelease, sign_receipt
from runner.releasing import Released
from runner.supervise import Ended
from sealing.keys import SigningKey


@dataclass(frozen=True, slots=True)
class Ran:
    """Everything about one sealed run that its receipt tells."""

    collected: Collected
    inputs: Inputs
    ended: Ended
    started: datetime
    finished: datetime


def fetch_proofs(releases: Sequence[Released]) -> tuple[str | None, ...]:
    """Return each log's proof of its release, or None: a run that is over needs its receipt."""
    return tuple(_proof(each.broker, each.document.decision) for each in releases)


def _proof(broker: Broker, decision: str) -> str | None:
    try:
        return broker.proof(decision)
    except RunnerError:
        return None


def make_receipt(ran: Ran, terms: Terms, *, proofs: Sequence[str | None], key: SigningKey) -> bytes:
    """Return the signed receipt of a run: the first and only one of its key."""
    collected, ended = ran.collected, ran.ended
    predicate = Predicate(
        v=1,
        releases=tuple(map(_told, collected.releases, proofs)),
        engine=ended.locked.engine,
        grant=collected.grant.digest,
        guardrails=tuple(one.digest for one in terms.guardrails),
        lockdown=ended.locked.lockdown,
        result=Result(ending=ended.ending, exit_code=ended.exit_code),
        usage=dict(ended.usage),
        inputs=ran.inputs.digests(),
        outputs=Outputs(
            stdout=ended.stdout, stderr=ended.stderr, files=digest_of_trees(ended.written)
        ),
        denials=ended.denials,
        deterministic=ended.deterministic,
        started=format_time(ran.started),
        finished=format_time(ran.finished),
        sequence=1,
        previous=None,
        simulated=collected.documents[0].simulated,
    )
    return sign_receipt(Receipt.about(predicate, module=collected.documents[0].module), key)


def _told(released: Released, proof: str | None) -> ToldRelease:
    return ToldRelease(
        binding=released.asked.binding,
        evidence=released.asked.request.evidence,
        release=released.text,
        proof=proof,
    )


def hand_back(report: Report, offer: Offer, inputs: Inputs) -> Report:
    """Write granted folders back to the host; return the report of what came of it.

    Only after a guest that ended by itself: what a stopped one left is half of something. Raises
    nothing: the run is over and its receipt must not be lost with a full disk.
    """
    if report.ended.ending is not Ending.EXIT:
        return report
    written: dict[str, tuple[str, ...]] = {}
    try:
        for mount, files in report.ended.written.items():
            written[mount] = write_back(offer.folders[mount], inputs.trees[mount].files, files)
    except RunnerError as error:
        return replace(report, written_back=written, failure=error)
    return replace(report, written_back=written)
