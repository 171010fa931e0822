"""`sealwasm broker`: a key broker in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealwasm.options import broker_options
from sealwasm.session import (
    Session,
    dry_run_option,
    facts_table,
    output_option,
    pass_session,
)

if TYPE_CHECKING:
    from keybroker.settings.initialise import EvidenceFiles
    from sealing.keys import VerifyingKey

OPERATOR_KEY = "operator.key"


@click.group()
def broker() -> None:
    """Set up and serve a key broker."""


@broker.command(short_help="Make a broker in a new folder.")
@click.argument("folder")
@click.option("--operator", metavar="FILE", help="Public key of the operator. Made if not given.")
@click.option("--origin", default="sealwasm.local/log", show_default=True, help="Name of the log.")
@click.option("--trust-simulated", metavar="FOLDER", help="Trust that simulated platform's root.")
@click.option("--certificates", metavar="FILE", help="Vendor certificates (PEM).")
@click.option("--crl", metavar="FILE", help="Vendor revocation list.")
@click.option("--endorsements", metavar="FILE", help="Bundle; see `sealwasm endorsements`.")
@click.option("--references", metavar="FILE", help="Reference values; this runner's by default.")
@click.option("--guardrails", multiple=True, metavar="FILE", help="What nobody may exceed.")
@dry_run_option
@output_option
@pass_session
def init(session: Session, /, folder: str, dry_run: bool, **given: Any) -> None:
    """Make a broker: its master key, its signing and sealing keys, its log, its configuration.

    Vendor roots are pinned; nothing else is trusted unless named here. The operator's key enrols
    owners: without --operator one is made, in FOLDER/operator.key; move it to a safe place.

    Example: sealwasm broker init broker --trust-simulated tee
    """
    from keybroker.settings.initialise import NewBroker, init_broker
    from sealwasm.files import refuse_existing, write_file

    home = Path(folder)
    refuse_existing(home)
    public, private_pem = _operator(given["operator"])
    rails = {Path(name).name: _guardrails(name) for name in given["guardrails"]}
    new = NewBroker(public, given["origin"], _evidence_files(given), rails)
    if dry_run:
        session.say("dry run: nothing was written")
        planned = {"folder": folder, "operator": public.key_id, "guardrails": sorted(rails)}
        session.show(planned, table=facts_table(planned))
        return
    keys = init_broker(home, new, now=session.now())
    if private_pem is not None:
        write_file(home / OPERATOR_KEY, private_pem, mode=0o600)
    facts = {
        "folder": folder,
        "identity": keys.identity.key_id,
        "operator": public.key_id,
        "operator_key": str(home / OPERATOR_KEY) if private_pem else "",
        "simulated": given["trust_simulated"] is not None,
    }
    session.say(f"next: sealwasm broker serve {folder}")
    session.show(facts, table=facts_table(facts))


def _evidence_files(given: dict[str, Any]) -> EvidenceFiles:
    from keybroker.settings.initialise import EvidenceFiles
    from sealwasm.evidence.anchors import simulated_file, simulated_root
    from sealwasm.files import read_file

    def named(option: str, published: str) -> bytes | None:
        path, folder = given[option], given["trust_simulated"]
        return simulated_file(folder, published) if path is None else _read(path)

    references = given["references"]
    return EvidenceFiles(
        references=read_file(references) if references else _own_references(),
        certificates=named("certificates", "endorsements.pem"),
        crl=named("crl", "crl.der"),
        endorsements=named("endorsements", "endorsements.json"),
        simulated_root=simulated_root(given["trust_simulated"]),
    )


def _read(path: str) -> bytes:
    from sealwasm.evidence.endorsement_files import BUNDLE_FILE_BYTES
    from sealwasm.files import read_file

    return read_file(path, limit_bytes=BUNDLE_FILE_BYTES)


def _operator(path: str | None) -> tuple[VerifyingKey, bytes | None]:
    from sealing.keys import SigningKey
    from sealwasm.keyfiles import load_public_key

    if path is not None:
        return load_public_key(path), None
    made = SigningKey.generate("ed25519")
    return made.public, made.to_pem(None)


def _own_references() -> bytes:
    """Reference values that name this very installation of the runner, on each kind of TEE."""
    from attestation.reference import ReferenceValue, ReferenceValues
    from attestation.simulated.platforms import PLATFORMS
    from sealwasm.failure import CliError, Kind

    try:
        from runner.measure import runner_measurement
    except ModuleNotFoundError as error:
        raise CliError(
            Kind.USAGE,
            "references-missing",
            "this installation has no runner that reference values could be taken from",
            why=f"{error.name} is not installed",
            next_step="--references FILE; see `sealwasm reference measure --document`",
        ) from error
    digest = runner_measurement().digest
    own = (
        ReferenceValue(tee, kind.launch_value(digest), "this-installation")
        for tee, kind in PLATFORMS.items()
    )
    return ReferenceValues.of(own).to_bytes()


def _guardrails(path: str) -> bytes:
    from policies.load import load_guardrails
    from sealwasm.files import read_file

    data = read_file(path)
    load_guardrails(data, name=path)
    return data


@broker.command()
@click.argument("folder")
@click.option("--host", metavar="ADDRESS", help="Listen here instead of where broker.yaml says.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free port.")
@output_option
@pass_session
def serve(session: Session, folder: str, host: str | None, port: int | None) -> None:
    """Serve the broker in FOLDER until it is told to stop.

    Prints one JSON line with its address and identity when it is ready, whatever -o says of errors;
    logs go to standard error.
    """
    from sealwasm.guard import require_own_packages

    del session
    # Before anything of theirs is imported: importing a stranger's package runs it.
    require_own_packages()
    from keybroker.edge.serve import serve as serve_folder
    from keybroker.settings.config import Listen, load_config

    home = Path(folder)
    config = load_config(home)
    listen = Listen(
        host=host or config.listen.host, port=config.listen.port if port is None else port
    )
    operations = Listen(host=config.operations.host, port=0) if port == 0 else None
    serve_folder(home, listen=listen, operations=operations)


@broker.command(short_help="Print the broker's signed descriptor.")
@broker_options
@output_option
@pass_session
def describe(session: Session, broker: str, broker_identity: str | None) -> None:
    """Print the broker's signed descriptor: its identity, sealing keys and log key.

    Keep it: receipts are verified offline with it. With -o json or yaml what is in it is printed,
    without the signature.

    Example: sealwasm broker describe > broker.json
    """
    from sealwasm.broker_api import fetch_signed_descriptor

    found, data = fetch_signed_descriptor(broker, broker_identity)
    session.say(f"identity {found.identity_key().key_id}")
    if session.output == "table":
        # The signed bytes as they are: a trailing line break would be another document.
        session.emit(data)
    else:
        session.show(found.model_dump(mode="json"), table="")
