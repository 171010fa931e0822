"""`sealwasm reference`: what a runner must measure as, recomputed by whoever wants to know."""

from __future__ import annotations

from pathlib import Path

import click

from sealwasm.session import Session, output_option, pass_session, table


@click.group()
def reference() -> None:
    """Recompute what a runner measures as."""


@reference.command()
@click.option("--path", metavar="FOLDER", help="Measure another installation than this one.")
@click.option("--files", is_flag=True, help="Also list every file and its digest.")
@click.option("--document", metavar="NAME", help="Print it as reference values under NAME.")
@output_option
@pass_session
def measure(session: Session, path: str | None, files: bool, document: str | None) -> None:
    """Recompute the measurement of an installed runner.

    It is the SHA-384 over the digests of its files, the engine and the interpreter: the value that
    a release policy names and that the TEE reports.
    """
    from runner.measure import runner_measurement

    measured = runner_measurement(Path(path).resolve() if path else None)
    if document is not None:
        from attestation.reference import ReferenceValue, ReferenceValues

        values = ReferenceValues.of([ReferenceValue("snp", measured.digest, document)])
        click.echo(values.to_bytes(), nl=False)
        return
    shown = {"measurement": measured.hex, **measured.to_document()}
    listed = shown.pop("files")
    rows: list[tuple[str, object]] = [("measurement", measured.hex), ("files", len(listed))]
    rows.extend(shown["facts"].items())
    if files:
        rows.extend((name, digest) for name, digest in sorted(listed.items()))
        shown["files"] = listed
    session.show(shown, table=table(rows))
