"""`sealwasm reference`: what runners and guests must measure as, and documents that say so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealwasm.commands.simulate import TEES
from sealwasm.session import (
    Session,
    dry_files_option,
    facts_table,
    output_option,
    pass_session,
    table,
)

if TYPE_CHECKING:
    from attestation.reference import ReferenceValues
    from sealing.keys import Signer, VerifyingKey


@click.group()
def reference() -> None:
    """Compute measurements, and keep documents of known ones."""


@reference.command(short_help="Compute what a runner or an SEV-SNP guest measures as.")
@click.option("--tee", type=click.Choice(TEES), default="snp", show_default=True)
@click.option("--path", metavar="FOLDER", help="Measure another installation than this one.")
@click.option("--files", is_flag=True, help="Also list every file and its digest.")
@click.option("--document", metavar="NAME", help="Print it as reference values under NAME.")
@click.option("--snp", is_flag=True, help="Compute the launch digest of an SEV-SNP guest instead.")
@click.option("--firmware", metavar="FILE", help="With --snp: its OVMF image.")
@click.option("--kernel", metavar="FILE", help="With --snp: its kernel, if booted directly.")
@click.option("--initrd", metavar="FILE", help="With --snp: its initial RAM disk.")
@click.option("--append", metavar="TEXT", help="With --snp: its kernel command line.")
@click.option("--vcpus", type=int, metavar="N", help="With --snp: how many processors it has.")
@click.option("--vcpu-type", metavar="NAME", help="With --snp: their type, such as EPYC-v4.")
@click.option("--guest-features", metavar="HEX", help="With --snp: SEV_FEATURES (default: 0x1).")
@click.option("--vmm", type=click.Choice(["qemu", "ec2", "gce"]), help="With --snp: who starts it.")
@output_option
@pass_session
def measure(session: Session, /, **given: Any) -> None:
    """Compute a measurement before anything is deployed.

    Without --snp that of an installed runner: the SHA-384 over the digests of its files, the engine
    and the interpreter, as evidence of simulated silicon of that TEE shows it. With --snp the
    launch digest of an SEV-SNP guest from its firmware, kernel and processors: the value that a
    release policy names and that the hardware reports.
    """
    if given["snp"]:
        _measure_snp(session, given)
    else:
        _measure_runner(session, given)


def _measure_runner(session: Session, given: dict[str, Any]) -> None:
    from attestation.simulated.platforms import PLATFORMS
    from runner.measure import runner_measurement

    _refuse(given, ("firmware", "kernel", "initrd", "append", "vcpus", "vcpu_type", "vmm"))
    path = given["path"]
    measured = runner_measurement(Path(path).resolve() if path else None)
    tee = given["tee"]
    value = PLATFORMS[tee].launch_value(measured.digest)
    if given["document"] is not None:
        _print_document(session, tee, value, given["document"])
        return
    shown: dict[str, Any] = {"measurement": value.hex(), "tee": tee, "facts": dict(measured.facts)}
    rows: list[tuple[str, object]] = [("measurement", value.hex()), ("tee", tee)]
    rows += [("files", len(measured.files)), *measured.facts.items()]
    if given["files"]:
        rows.extend((name, digest.hex()) for name, digest in sorted(measured.files.items()))
        shown["files"] = {name: digest.hex() for name, digest in measured.files.items()}
    session.show(shown, table=table(rows))


def _measure_snp(session: Session, given: dict[str, Any]) -> None:
    from sealwasm.evidence.launch_digest import Launch, snp_launch_digest
    from sealwasm.failure import CliError, Kind

    missing = [name for name in ("firmware", "vcpus", "vcpu_type") if given[name] is None]
    if missing:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise CliError(Kind.USAGE, "usage", f"--snp needs {names} as well")
    _refuse(given, ("path",), tee=True)
    launch = Launch(
        firmware=given["firmware"],
        vcpus=given["vcpus"],
        vcpu_type=given["vcpu_type"],
        kernel=given["kernel"],
        initrd=given["initrd"],
        append=given["append"],
        guest_features=_features(given["guest_features"] or "0x1"),
        vmm=given["vmm"] or "qemu",
    )
    digest = snp_launch_digest(launch)
    if given["document"] is not None:
        _print_document(session, "snp", digest, given["document"])
        return
    shown = {"measurement": digest.hex(), "tee": "snp"}
    session.show(shown, table=facts_table(shown))


def _features(text: str) -> int:
    from sealwasm.failure import CliError, Kind

    try:
        value = int(text, 16)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 64:
        raise CliError(Kind.USAGE, "usage", f"--guest-features is {text}, expected 64 bits in hex")
    return value


def _refuse(given: dict[str, Any], names: tuple[str, ...], *, tee: bool = False) -> None:
    from sealwasm.failure import CliError, Kind

    wrong = [f"--{name.replace('_', '-')}" for name in names if given[name] is not None]
    wrong += ["--files"] if tee and given["files"] else []
    wrong += ["--tee"] if tee and given["tee"] != "snp" else []
    if wrong:
        other = "cannot be with --snp" if tee else "is for --snp"
        raise CliError(Kind.USAGE, "usage", f"{wrong[0]} {other}")


def _print_document(session: Session, tee: str, measurement: bytes, name: str) -> None:
    from attestation.reference import ReferenceValues

    session.emit(ReferenceValues.of([_value(tee, measurement.hex(), name)]).to_bytes())


def _value(tee: str, measurement: str, name: str) -> Any:
    from attestation.reference import parse_value

    return parse_value({"measurement": measurement, "name": name, "tee": tee})


@reference.command(short_help="Add a measurement to a document.")
@click.argument("file")
@click.option("--tee", required=True, metavar="NAME", help="The TEE that reports it.")
@click.option("--measurement", required=True, metavar="HEX", help="What it reports.")
@click.option("--name", required=True, metavar="TEXT", help="What that is.")
@click.option("--sign-key", metavar="FILE", help="Private key that signs the document.")
@click.option("--passphrase-file", metavar="FILE", help="First line of FILE opens that key.")
@click.option("--signer", "signers", multiple=True, metavar="FILE", help="Public key of who did.")
@dry_files_option
@output_option
@pass_session
def add(session: Session, /, file: str, **given: Any) -> None:
    """Add a measurement to the reference values in FILE, which is made if it is not there.

    Example: sealwasm reference add references.json --tee snp --measurement HEX --name "runner 1.0"
    """
    from sealwasm.evidence.reference_files import add_reference

    value = _value(given["tee"], given["measurement"], given["name"])
    key = _signing_key(given)
    values = add_reference(file, value, key, _public_keys(given["signers"]))
    _summarise(session, file, values, signed=key is not None)


@reference.command(name="list", short_help="List the measurements of a document.")
@click.argument("file")
@click.option("--signer", "signers", multiple=True, metavar="FILE", help="Who must have signed it.")
@output_option
@pass_session
def list_(session: Session, file: str, signers: tuple[str, ...]) -> None:
    """List the reference values in FILE; a signed one needs a --signer to be read."""
    from sealwasm.evidence.reference_files import load_references

    values = load_references(file, _public_keys(signers))
    rows = [(one.tee, one.measurement.hex(), one.name) for one in values.values]
    document = [
        {"tee": tee, "measurement": measurement, "name": name} for tee, measurement, name in rows
    ]
    session.show(document, table=table(rows, header=("tee", "measurement", "name")))


@reference.command(name="from-corim", short_help="Take reference values from a signed CoRIM.")
@click.argument("corim")
@click.option(
    "--key", "keys", multiple=True, required=True, metavar="FILE", help="The maker's public key."
)
@click.option("--out", required=True, metavar="FILE", help="Where to write the document.")
@click.option("--sign-key", metavar="FILE", help="Private key that signs the document.")
@click.option("--passphrase-file", metavar="FILE", help="First line of FILE opens that key.")
@dry_files_option
@output_option
@pass_session
def from_corim(session: Session, /, corim: str, **given: Any) -> None:
    """Write the launch measurements of a CoRIM that a maker signed as reference values.

    Keys are PEM, JWK or JWK sets. What else the CoRIM says is for release policies.
    """
    from attestation.corim.references import from_corim as values_of
    from attestation.corim.signed import verify_corim
    from attestation.keys import load_keys
    from attestation.limits import MAX_CORIM_BYTES
    from attestation.reference import ReferenceValues
    from sealwasm.evidence.reference_files import store_references
    from sealwasm.failure import CliError, Kind
    from sealwasm.files import read_file, require_place

    require_place(Path(given["out"]))
    keys = [key for path in given["keys"] for key in load_keys(read_file(path))]
    data = read_file(corim, limit_bytes=MAX_CORIM_BYTES)
    values = ReferenceValues.of(values_of(verify_corim(data, keys=keys, now=session.now())))
    if not values.values:
        raise CliError(
            Kind.NOT_FOUND,
            "corim-no-references",
            f"{corim} names no measurement of a launch",
            next_step="docs/specs/corim.md says which measurements are taken",
        )
    key = _signing_key(given)
    store_references(given["out"], values, key)
    _summarise(session, given["out"], values, signed=key is not None)


def _signing_key(given: dict[str, Any]) -> Signer | None:
    from sealwasm.keyfiles import load_signing_key

    if given["sign_key"] is None:
        return None
    return load_signing_key(given["sign_key"], given["passphrase_file"])


def _public_keys(paths: tuple[str, ...]) -> list[VerifyingKey]:
    from sealwasm.keyfiles import load_public_key

    return [load_public_key(path) for path in paths]


def _summarise(session: Session, file: str, values: ReferenceValues, *, signed: bool) -> None:
    facts = {
        "file": file,
        "values": len(values.values),
        "digest": values.digest,
        "signed": signed,
    }
    session.show(facts, table=facts_table(facts))
