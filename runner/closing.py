"""After a run: the proof that it is in the log, the receipt, and what goes back to the host."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from keybroker.protocol import format_time
from policies.models import CapabilityPolicy
from runner.asking import Asked
from runner.broker import Broker
from runner.ending import Ending
from runner.errors import RunnerError
from runner.host_files import write_back
from runner.inputs import Inputs, Offer, digest_of_trees
from runner.order import Report, Terms
from runner.receipt import Outputs, Predicate, Receipt, Result, sign_receipt
from runner.releasing import Released
from runner.supervise import Ended
from sealing.keys import SigningKey


@dataclass(frozen=True, slots=True)
class Ran:
    """Everything about one sealed run that its receipt tells."""

    asked: Asked
    released: Released
    grant: CapabilityPolicy
    inputs: Inputs
    ended: Ended
    started: datetime
    finished: datetime


def fetch_proof(broker: Broker, decision: str) -> str | None:
    """Return the log's proof for `decision`, or None: a run that is over needs a receipt anyway."""
    try:
        return broker.proof(decision)
    except RunnerError:
        return None


def make_receipt(ran: Ran, terms: Terms, *, proof: str | None, key: SigningKey) -> bytes:
    """Return the signed receipt of a run: the first and only one of its key."""
    released, ended = ran.released, ran.ended
    predicate = Predicate(
        v=1,
        binding=ran.asked.binding,
        evidence=ran.asked.request.evidence,
        release=released.text,
        proof=proof,
        engine=ended.locked.engine,
        grant=ran.grant.digest,
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
        simulated=released.document.simulated,
    )
    return sign_receipt(Receipt.about(predicate, module=released.document.module), key)


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
