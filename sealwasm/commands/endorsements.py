"""`sealwasm endorsements`: vendors' certificates, lists and collateral, fetched, kept, carried."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealwasm.session import (
    Session,
    dry_files_option,
    dry_run_option,
    facts_table,
    output_option,
    pass_session,
    table,
)

if TYPE_CHECKING:
    from attestation.endorsement_store.services import VendorUrls
    from attestation.endorsement_store.store import EndorsementStore, Stored
    from attestation.endorsement_store.wanted import Wanted
    from sealing.keys import VerifyingKey

Command = Callable[..., Any]

_HEADER = ("kind", "what", "source", "fetched", "expires", "state")


def _store_options(command: Command) -> Command:
    """Add what names a store and the roots its documents are checked against."""
    for option in (
        click.option("--trust-simulated", metavar="FOLDER", help="Trust that platform's root."),
        click.option("--store", metavar="FOLDER", help="The store (default: in your cache)."),
    ):
        command = option(command)
    return command


def _service_options(command: Command) -> Command:
    """Add the addresses that stand in for vendors' own."""
    services = {
        "--kds": "AMD's key distribution service, or a mirror of it.",
        "--pcs": "Intel's provisioning certification service, or a PCCS.",
        "--intel-root-crl": "Address of Intel's root revocation list.",
        "--nvidia-ocsp": "NVIDIA's OCSP responder.",
        "--nvidia-rim": "NVIDIA's RIM service.",
    }
    for name, text in reversed(services.items()):
        command = click.option(name, metavar="URL", help=text)(command)
    return command


@click.group()
def endorsements() -> None:
    """Fetch, list and carry what vendors say of their hardware."""


@endorsements.command(short_help="Fetch what evidence, a product or a platform family needs.")
@click.argument("file", required=False)
@click.option(
    "--snp-product",
    multiple=True,
    type=click.Choice(["milan", "genoa", "turin"]),
    help="AMD's chains and lists of it; repeatable.",
)
@click.option("--fmspc", metavar="HEX", help="Intel platform family; with --tee.")
@click.option("--tee", metavar="NAME", help="tdx or sgx, for --fmspc; or what FILE is.")
@click.option(
    "--ca",
    type=click.Choice(["platform", "processor"]),
    default="platform",
    show_default=True,
    help="Which CA certifies the family; with --fmspc.",
)
@click.option("--rim", "rims", multiple=True, metavar="ID", help="NVIDIA reference manifest.")
@click.option("--renew", is_flag=True, help="Ask again even for what is fresh.")
@_service_options
@_store_options
@dry_run_option
@output_option
@pass_session
def fetch(session: Session, /, dry_run: bool, **given: Any) -> None:
    """Fetch from the vendors what is missing or old, and keep it in the store.

    FILE is evidence, of which only the chip, firmware level and platform family are read. Exits 7
    if a service gives no answer, 4 if an answer is not signed as it must be or is older than what
    was seen before.

    Example: sealwasm endorsements fetch --snp-product genoa
    """
    store = _store(session, given, _urls(given))
    wanted = _wanted(given)
    names = {name for one in wanted for name in one.names}
    if dry_run:
        session.say("dry run: nobody was asked")
        session.show([{"name": name} for name in sorted(names)], table="\n".join(sorted(names)))
        return
    for one in wanted:
        store.get(one, renew=given["renew"])
    _show(session, [one for one in store.list() if _plain(one.name) in names])


@endorsements.command("list", short_help="Show what is in the store.")
@_store_options
@output_option
@pass_session
def list_(session: Session, /, **given: Any) -> None:
    """Show every document in the store: what it is, where from, since when, until when.

    State is fresh, stale (asked for again at the next fetch) or expired.
    """
    _show(session, _store(session, given).list())


@endorsements.command(short_help="Put the whole store into one signed file.")
@click.argument("bundle")
@click.option("--sign-key", metavar="FILE", help="Private key to sign with.")
@click.option("--passphrase-file", metavar="FILE", help="First line of FILE opens the key.")
@click.option("--unsafe-unsigned", is_flag=True, help="Write a bundle that nobody signed.")
@_store_options
@dry_files_option
@output_option
@pass_session
def export(session: Session, /, bundle: str, **given: Any) -> None:
    """Write everything in the store to BUNDLE, for a site that has no way to the vendors.

    Example: sealwasm endorsements export endorsements.bundle --sign-key site.key
    """
    from sealwasm.evidence.endorsement_files import sign_bundle
    from sealwasm.files import require_place, write_file
    from sealwasm.keyfiles import load_signing_key

    require_place(Path(bundle))
    signed = _signed_or_not(given["sign_key"], given, "--sign-key FILE")
    made = _store(session, given).export()
    data = made.to_bytes()
    facts: dict[str, Any] = {"bundle": bundle, "documents": len(made.documents)}
    if signed:
        key = load_signing_key(given["sign_key"], given["passphrase_file"])
        data = sign_bundle(made, key)
        facts["signed_by"] = key.public.key_id
    write_file(bundle, data)
    session.show(facts, table=facts_table(facts))


@endorsements.command("import", short_help="Take the documents of a bundle into the store.")
@click.argument("bundle")
@click.option("--key", "keys", multiple=True, metavar="FILE", help="Who may have signed it.")
@click.option("--unsafe-unsigned", is_flag=True, help="Take a bundle that nobody signed.")
@_store_options
@dry_run_option
@output_option
@pass_session
def import_(session: Session, /, bundle: str, dry_run: bool, **given: Any) -> None:
    """Take all documents of BUNDLE into the store, or none of them.

    Exits 4 if no named key signed it, or if a document in it is older than one seen before.

    Example: sealwasm endorsements import endorsements.bundle --key site.pub
    """
    from sealwasm.evidence.endorsement_files import read_bundle

    _signed_or_not(given["keys"], given, "--key FILE")
    documents = read_bundle(bundle, _keys(given["keys"])).documents
    if dry_run:
        session.say("dry run: nothing was taken into the store, nor compared with what is in it")
        kinds = [one.kind for one in documents]
        session.show([{"kind": kind} for kind in kinds], table="\n".join(kinds))
        return
    store = _store(session, given)
    names = {one.name for one in store.add(documents)}
    _show(session, [one for one in store.list() if one.name in names])


def _store(
    session: Session, given: dict[str, Any], urls: VendorUrls | None = None
) -> EndorsementStore:
    """Return the store; with `urls` also the services behind it."""
    from attestation.endorsement_store.fetchers import VendorFetcher
    from attestation.endorsement_store.http import HttpClient
    from attestation.endorsement_store.store import EndorsementStore
    from sealwasm.evidence.anchors import anchors_with
    from sealwasm.evidence.endorsement_files import default_store
    from sealwasm.session import is_terminal

    def asking(url: str) -> None:
        """Say what is waited for, where somebody is waiting."""
        if is_terminal():
            session.say(f"asking {url}")

    folder = Path(given["store"]) if given["store"] else default_store()
    return EndorsementStore(
        folder,
        anchors=anchors_with(given["trust_simulated"]),
        clock=session.now,
        fetcher=VendorFetcher(HttpClient(asking=asking), urls) if urls else None,
    )


def _urls(given: dict[str, Any]) -> VendorUrls:
    from attestation.endorsement_store.services import VendorUrls
    from sealwasm.failure import CliError, Kind

    named = {
        "amd_kds": given["kds"],
        "intel_pcs": given["pcs"],
        "intel_root_crl": given["intel_root_crl"],
        "nvidia_ocsp": given["nvidia_ocsp"],
        "nvidia_rim": given["nvidia_rim"],
    }
    try:
        return VendorUrls(**{name: url for name, url in named.items() if url is not None})
    except ValueError as error:
        raise CliError(
            Kind.USAGE, "service-url", str(error), next_step="give https://HOST, without a query"
        ) from error


def _wanted(given: dict[str, Any]) -> list[Wanted]:
    """Return what the arguments ask for; asking for nothing is an error."""
    from attestation.endorsement_store.hints import wanted_by
    from attestation.errors import EvidenceError
    from sealwasm.evidence.inputs import evidence_of
    from sealwasm.failure import CliError, Kind

    found: list[Wanted] = []
    if given["file"] is not None:
        named = {"file": given["file"], "tee": given["tee"]}
        found += wanted_by(evidence_of({**named, "parts": (), "report": None, "vek": None}))
    try:
        found += _named(given)
    except EvidenceError as error:
        raise CliError(
            Kind.USAGE, "endorsement-name", "no vendor has anything of that name", why=error.detail
        ) from error
    if not found:
        raise CliError(
            Kind.USAGE,
            "nothing-wanted",
            "nothing was named that endorsements could be fetched for",
            why="some evidence, such as that of Nitro, brings everything along",
            next_step="name evidence, --snp-product, --fmspc with --tee, or --rim",
        )
    return found


def _named(given: dict[str, Any]) -> list[Wanted]:
    """Return what is asked for by name. Raises `EvidenceError` for what cannot be a name."""
    from attestation.endorsement_store import wanted as w

    found: list[Wanted] = []
    for product in given["snp_product"]:
        found += [w.SnpCertificates(product, key) for key in w.SIGNING_KEYS]
        found.append(w.SnpRevocations(product))
    if given["fmspc"] is not None:
        found.append(w.IntelCollateral(given["tee"] or "", given["fmspc"].lower(), given["ca"]))
    return [*found, *(w.NvidiaManifest(one) for one in given["rims"])]


def _signed_or_not(keys: object, given: dict[str, Any], option: str) -> bool:
    """Return whether there is a signature; to have none takes saying so."""
    from sealwasm.failure import CliError, Kind

    if bool(keys) == given["unsafe_unsigned"]:
        raise CliError(
            Kind.USAGE,
            "bundle-key",
            "signed or unsigned?" if keys else "no key was named for the bundle's signature",
            why="whoever may write a bundle decides what a store knows",
            next_step="drop --unsafe-unsigned" if keys else option,
        )
    return bool(keys)


def _keys(paths: Iterable[str]) -> list[VerifyingKey]:
    from sealwasm.keyfiles import load_public_key

    return [load_public_key(path) for path in paths]


def _plain(name: str) -> str:
    from attestation.endorsement_store.filing import SIMULATED

    return name.removeprefix(SIMULATED)


def _show(session: Session, documents: Iterable[Stored]) -> None:
    found = [_facts(one) for one in documents]
    rows = [[one[name] or "-" for name in _HEADER] for one in found]
    session.show(found, table=table(rows, header=_HEADER))


def _facts(one: Stored) -> dict[str, str | None]:
    from attestation.bundle import format_time

    document, expires = one.document, one.filing.expires
    return {
        "name": one.name,
        "kind": document.kind,
        "what": one.filing.what,
        "source": document.source,
        "fetched": format_time(document.fetched) if document.fetched else None,
        "expires": format_time(expires) if expires else None,
        "state": one.state.value,
    }
