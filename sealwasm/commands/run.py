"""`sealwasm run`: the runner's story from the command line. It is told in `runner/run.py`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealwasm.artifacts.owner_trust_options import TrustChoice, trust_options
from sealwasm.contexts.completing import references
from sealwasm.options import brokers_option, registry_options
from sealwasm.session import Session, output_option, pass_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from attestation.attesters import Attester
    from runner.broker import Broker
    from runner.order import Place, Report, Terms

# Of a folder with thousands of files nobody reads all names.
NAMES_SHOWN = 10
UNSEALED_WARNING = """\
UNSEALED: this module runs in plaintext. Nobody attests to it, no broker decided about it, and
there is no receipt. It is limited by the capability policy and by nothing else."""


class RunCommand(click.Command):
    """Has the exit codes of a run from its first option on: numbers below 128 are the guest's."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Set the table, then read the command line; see `click.Command`."""
        from sealwasm.run_exits import RUN_EXIT_OF_KIND, exit_of_code

        if parent is not None:
            session = parent.ensure_object(Session)
            session.exit_code_of_kind, session.exit_code_of_code = RUN_EXIT_OF_KIND, exit_of_code
        return super().make_context(info_name, args, parent=parent, **extra)


@click.command(cls=RunCommand, context_settings={"ignore_unknown_options": False})
@click.argument("subject", metavar="REFERENCE|FILE", shell_complete=references)
@click.argument("arguments", nargs=-1)
@trust_options
@brokers_option
@click.option("--simulated-platform", metavar="FOLDER", help="Attest with simulated silicon.")
@click.option("--tpm", metavar="PATH", help="Attest with a TPM: its device, or a socket of swtpm.")
@click.option("--tpm-state", metavar="FOLDER", help="Where the TPM's certificates are kept.")
@click.option("--guardrails", multiple=True, metavar="FILE", help="What this node allows at most.")
@click.option("--require", "parts", multiple=True, metavar="PART", help="Insist on, e.g. seccomp.")
@click.option(
    "--dir", "folders", multiple=True, metavar="GUEST=HOST", help="Host folder, if granted."
)
@click.option("--env", "variables", multiple=True, metavar="NAME", help="Variable, if granted.")
@click.option("--receipt", metavar="FILE", help="Write the signed receipt there.")
@click.option("--unsealed", is_flag=True, help="Run a plaintext FILE, without any broker.")
@click.option("--capabilities", metavar="FILE", help="With --unsealed: the capability policy.")
@registry_options
@output_option
@pass_session
def run(session: Session, /, subject: str, unsealed: bool, **given: Any) -> int:
    """Run a sealed module under its grant.

    Where its owner split the key over several brokers, name enough of them, or all: those that are
    down, deny or lie are passed over and named. Arguments for the guest follow `--`. Exit codes
    0 to 127 are the guest's own, 128 and up are ours: docs/reference/exit-codes.md. Standard output
    is the guest's alone: with -o json or yaml, how the run ended is printed to standard error.

    Example: sealwasm run oci:shop:app --owner owner.key.pub --simulated-platform tee -- -v
    """
    from sealwasm.guard import require_own_packages

    require_own_packages()
    report = _unsealed(session, subject, given) if unsealed else _sealed(session, subject, given)
    return _finish(session, report, given["receipt"])


def _sealed(session: Session, subject: str, given: dict[str, Any]) -> Report:
    from runner.broker import HttpBroker
    from runner.order import Order, World
    from runner.run import run_sealed
    from sealwasm.artifacts.transfers import parse_reference
    from sealwasm.files import require_place

    trust: TrustChoice = given["trust"]
    _require(not trust.says_nothing, "whose module this must be is not said", "--owner FILE.pub")
    _require(given["capabilities"] is None, "--capabilities is for --unsealed", "drop it")
    if given["receipt"]:
        require_place(Path(given["receipt"]))
    reference = parse_reference(subject)
    resolved = trust.load().resolve(session.now())
    brokers = tuple(HttpBroker(url) for url in given["brokers"])
    attester = _attester(session, given)
    order = Order(
        reference,
        resolved.keys,
        _offer(given),
        _terms(given),
        owner_threshold=resolved.threshold,
        trust=resolved,
    )
    with given["registry"].open(reference) as store:
        return run_sealed(order, _place(session), World(store, brokers, attester))


def _attester(session: Session, given: dict[str, Any]) -> Callable[[Broker], Attester]:
    """Return what attests to each broker: a TPM has a certificate of each, the others have none."""
    from runner.attest import pick_attester
    from runner.measure import runner_measurement
    from runner.tpm import tpm_attester

    platform, tpm = given["simulated_platform"], given["tpm"]
    _require(not (platform and tpm), "two TEEs are named", "--tpm or --simulated-platform")
    if tpm is None:
        attester = pick_attester(Path(platform) if platform else None, runner_measurement())
        return lambda _broker: attester
    kept = given["tpm_state"]
    state = Path(kept) if kept else Path.home() / ".local" / "state" / "sealwasm" / "tpm"
    now = session.now()
    measured = runner_measurement()
    return lambda broker: tpm_attester(Path(tpm), broker, measured, state=state, now=now)


def _unsealed(session: Session, subject: str, given: dict[str, Any]) -> Report:
    from runner.run import run_unsealed
    from sealwasm.artifacts.transfers import read_module
    from sealwasm.owner.sealing import load_capabilities_file

    _require(given["capabilities"], "what the module may do is not said", "--capabilities FILE")
    _require(not given["receipt"], "an unsealed run has no receipt", "drop --receipt")
    module = read_module(subject)
    policy = load_capabilities_file(given["capabilities"])
    session.say(UNSEALED_WARNING)
    return run_unsealed(module, policy, _offer(given), _terms(given), _place(session))


def _require(condition: object, what: str, next_step: str) -> None:
    from sealwasm.failure import CliError, Kind

    if not condition:
        raise CliError(Kind.USAGE, "usage", what, next_step=next_step)


def _offer(given: dict[str, Any]) -> Any:
    import os

    from runner.inputs import Offer, parse_folders

    return Offer(
        arguments=tuple(given["arguments"]),
        environment={name: os.environ[name] for name in given["variables"] if name in os.environ},
        folders=parse_folders(given["folders"]),
        read_stdin=sys.stdin.buffer.read,
    )


def _terms(given: dict[str, Any]) -> Terms:
    from policies.load import load_guardrails
    from runner.order import Terms
    from runner.worker.lockdown import Part
    from sealwasm.files import read_file

    known = {part.value for part in Part}
    unknown = sorted(set(given["parts"]) - known)
    _require(not unknown, f"no such lock-down: {', '.join(unknown)}", ", ".join(sorted(known)))
    rails = given["guardrails"]
    return Terms(
        tuple(load_guardrails(read_file(path), name=path) for path in rails),
        frozenset(Part(part) for part in given["parts"]),
    )


def _place(session: Session) -> Place:
    from runner.order import Place
    from runner.supervise import Clock, Sinks

    return Place(Clock(session.now), Sinks(_write_to(1), _write_to(2)))


def _write_to(descriptor: int) -> Any:
    stream = sys.stdout.buffer if descriptor == 1 else sys.stderr.buffer

    def write(data: bytes) -> None:
        stream.write(data)
        stream.flush()

    return write


def _finish(session: Session, report: Report, receipt: str | None) -> int:
    from runner.ending import Ending
    from sealwasm.files import write_file

    if receipt and report.receipt:
        write_file(receipt, report.receipt)
    if report.failure is not None:
        raise report.failure
    _tell(session, report)
    ended = report.ended
    if session.output != "table":
        session.conclude(_conclusion(report, receipt))
    if ended.ending is not Ending.EXIT:
        session.say(f"stopped[{ended.ending.value}]: {ended.trap or _limit(ended.ending)}")
    return report.exit_code


def _tell(session: Session, report: Report) -> None:
    if report.simulated:
        session.say("SIMULATED: the evidence of this run comes from silicon in software")
    for one in report.passed_over:
        session.say(f"broker passed over: {one}")
    for folder, names in report.left_out.items():
        _list(session, f"not taken into {folder}, as no plain file or folder", names)
    for folder, names in report.written_back.items():
        _list(session, f"written back from {folder}", names)


def _conclusion(report: Report, receipt: str | None) -> dict[str, Any]:
    return {
        "ending": report.ended.ending.value,
        "exit_code": report.exit_code,
        "simulated": report.simulated,
        "passed_over": [
            {"broker": one.broker, "identity": one.identity, "reason": one.reason}
            for one in report.passed_over
        ],
        "receipt": receipt,
        "left_out": {folder: list(names) for folder, names in report.left_out.items()},
        "written_back": {folder: list(names) for folder, names in report.written_back.items()},
    }


def _list(session: Session, what: str, names: tuple[str, ...]) -> None:
    if names:
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        session.say(f"{what}: {', '.join(names[:NAMES_SHOWN])}{more}")


def _limit(ending: Any) -> str:
    from runner.exit_codes import MEANING, OF_ENDING

    return MEANING[OF_ENDING[ending]]
