"""`sealwasm policy`: write, check, explain and publish policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealwasm.options import broker_options, owner_key_options
from sealwasm.session import (
    Session,
    dry_run_option,
    facts_table,
    output_option,
    pass_session,
    table,
)

if TYPE_CHECKING:
    from policies.load import Policy


@click.group()
def policy() -> None:
    """Draft, check, explain and publish policies."""


@policy.command(short_help="Write the smallest policy a module starts with.")
@click.argument("module")
@click.option("--name", default="drafted", show_default=True, help="Name of the policy.")
@click.option("--dir", "folders", multiple=True, metavar="GUEST", help="Guest folder to open.")
@output_option
@pass_session
def draft(session: Session, module: str, name: str, folders: tuple[str, ...]) -> None:
    """Write the smallest capability policy with which MODULE can start.

    With -o json its canonical form is printed, without the comments.

    Example: sealwasm policy draft app.wasm > grant.yaml
    """
    from policies.draft import draft_capabilities
    from policies.load import load_capabilities
    from sealing.bom import bill_of_materials
    from sealwasm.artifacts.modules import open_module

    bill = bill_of_materials(open_module(module))
    pairs = [(one.module, one.name) for one in bill.imports]
    text = draft_capabilities(pairs, name=name, directories=folders)
    if session.output == "json":
        session.show(load_capabilities(text.encode(), name="draft").to_document(), table="")
    else:
        session.emit(text.encode())
    session.say("next: save it, complete its comments, then sealwasm policy check FILE")


@policy.command(short_help="Load policy files strictly, and remark on them.")
@click.argument("files", nargs=-1, required=True)
@output_option
@pass_session
def check(session: Session, files: tuple[str, ...]) -> None:
    """Load policy files as strictly as broker and runner do, and remark on what looks unmeant."""
    loaded = [(name, _load(name)) for name in files]
    document: list[dict[str, Any]] = [
        {
            "file": name,
            "kind": one.kind,
            "name": one.name,
            "version": one.metadata.version,
            "digest": one.digest,
            "notes": _notes(one),
        }
        for name, one in loaded
    ]
    header = ("file", "kind", "name", "version", "digest")
    lines = [table([[item[column] for column in header] for item in document], header=header)]
    lines += [f"note: {note}" for item in document for note in item["notes"]]
    session.show(document, table="\n".join(lines))


def _notes(one: Policy) -> list[str]:
    from policies.models import CapabilityPolicy
    from policies.notes import notes

    found = notes(one) if isinstance(one, CapabilityPolicy) else ()
    return [f"{note.where}: {note.text}" for note in found]


def _load(path: str) -> Policy:
    from policies.load import load_policy
    from sealwasm.files import read_file

    return load_policy(read_file(path), name=path)


@policy.command(short_help="Say what a release policy decides, and why.")
@click.argument("file")
@click.option("--claims", required=True, metavar="FILE", help="Claims as JSON, name to value.")
@click.option("--guardrails", multiple=True, metavar="FILE", help="Guardrails to apply as well.")
@output_option
@pass_session
def explain(session: Session, file: str, claims: str, guardrails: tuple[str, ...]) -> int:
    """Say what a release policy decides about some claims, rule by rule, and why.

    Claims come from `sealwasm evidence verify -o json` or by hand. Exit code 0 when the policy
    allows, 3 when it denies.
    """
    from policies.compile import compile_release
    from policies.evaluate import evaluate
    from policies.explain import decision_document
    from policies.load import load_guardrails, load_release
    from sealwasm.exit_codes import ExitCode
    from sealwasm.files import read_file

    release = load_release(read_file(file), name=file)
    rails = [load_guardrails(read_file(name), name=name) for name in guardrails]
    decision = evaluate(compile_release(release, rails), _claims(claims), now=session.now())
    document = decision_document(decision)
    session.show(document, table=_decision_text(document))
    return ExitCode.OK if decision.allowed else ExitCode.DENIED


def _claims(path: str) -> dict[str, bool | int | str]:
    import json

    from sealwasm.failure import CliError, Kind
    from sealwasm.files import read_file

    try:
        document: Any = json.loads(read_file(path))
    except ValueError as error:
        raise CliError(Kind.USAGE, "claims-file", f"{path} is not JSON") from error
    if isinstance(document, dict) and isinstance(document.get("claims"), dict):
        document = document["claims"]
    if not isinstance(document, dict) or not all(
        isinstance(value, bool | int | str) for value in document.values()
    ):
        raise CliError(
            Kind.USAGE,
            "claims-file",
            f"{path} is not an object of claims",
            why="expected names with true, false, whole numbers or texts",
        )
    return document


def _rule_row(rule: dict[str, Any]) -> tuple[object, ...]:
    actual = rule["actual"] if rule["reason"] is None else rule["reason"]
    mark = "ok" if rule["ok"] else "FAIL"
    return mark, rule["id"], rule["operator"], rule["expected"], actual, rule["where"]


def _decision_text(document: dict[str, Any]) -> str:
    verdict = "allowed" if document["allowed"] else f"denied ({document['code']})"
    header = ("", "rule", "must be", "expected", "actual", "where")
    rows = [_rule_row(rule) for rule in document["rules"]]
    remedies = [
        f"  {rule['id']}: {rule['remedy']}"
        for rule in document["rules"]
        if not rule["ok"] and rule["remedy"] and rule["id"] in document["failed"]
    ]
    lines = [verdict, "", table(rows, header=header)]
    if remedies:
        lines += ["", "what would allow it:", *remedies]
    return "\n".join(lines)


@policy.command(short_help="Sign a release policy and enrol it with a broker.")
@click.argument("file")
@owner_key_options
@broker_options
@dry_run_option
@output_option
@pass_session
def publish(
    session: Session,
    file: str,
    key: str,
    passphrase_file: str | None,
    broker: str,
    broker_identity: str | None,
    dry_run: bool,
) -> None:
    """Sign a release policy and enrol it with a broker, where it counts from then on.

    A new version must have a higher number in `metadata.version`. Modules already published under
    the policy's name follow it.
    """
    from sealwasm.keyfiles import load_signing_key
    from sealwasm.owner.enrolling import load_release_file, send_policy
    from sealwasm.owner.pinning import broker_identity as identity_of

    release = load_release_file(file)
    owner = load_signing_key(key, passphrase_file)
    identity = identity_of(broker, broker_identity)
    if dry_run:
        facts = {"name": release.name, "version": release.metadata.version, "broker": identity}
        session.say("dry run: nothing was sent")
        session.show(facts, table=facts_table(facts))
        return
    answer = send_policy(release, url=broker, identity=identity, owner=owner, now=session.now())
    session.show(answer, table=facts_table(answer))
