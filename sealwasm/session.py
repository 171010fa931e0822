"""What one invocation of the command line carries: output format, context, exit-code table."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sealwasm import printable
from sealwasm.advice import NEXT_OF_KIND
from sealwasm.failure import CliError, Kind
from sealwasm.files import DRY_RUN

if TYPE_CHECKING:
    from sealwasm.contexts.stored import Context

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(slots=True)
class Session:
    """Made once per process by `main`; commands get it with `@pass_session`."""

    output: str = "table"
    exit_code_of_kind: Mapping[Kind, int] = field(default_factory=dict)
    exit_code_of_code: Callable[[str], int | None] = lambda _code: None
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    config_file: str | None = None
    context_name: str | None = None
    _context: list[Context | None] = field(default_factory=list, repr=False)

    def say(self, text: str) -> None:
        """Talk goes to standard error; standard output is for data."""
        click.echo(printable.lines(text), err=True)

    def fail(self, error: CliError) -> int:
        """Print `error` in the chosen format and return its exit code."""
        if error.exit_code is None:
            error.exit_code = self.exit_code_of_code(error.code)
        if error.exit_code is None and error.kind in self.exit_code_of_kind:
            error.exit_code = int(self.exit_code_of_kind[error.kind])
        error.next_step = error.next_step or NEXT_OF_KIND[error.kind]
        click.echo(error.in_format(self.output), err=True)
        return error.status

    def conclude(self, document: Mapping[str, Any]) -> None:
        """Print how it ended to standard error, where standard output is a guest's."""
        text = printable.as_yaml(document) if self.output == "yaml" else json.dumps(document)
        click.echo(text, err=True)

    def emit(self, data: bytes) -> None:
        """Print data as it is, to the last byte. Raises `CliError` where it cannot be."""
        with _reported():
            click.echo(data, nl=False)

    def show(self, document: Mapping[str, Any] | Sequence[Any], *, table: str) -> None:
        """Print a result: `table` for people, the document itself for `-o json` and `-o yaml`."""
        with _reported():
            if self.output == "json":
                click.echo(printable.as_json(document))
            elif self.output == "yaml":
                click.echo(printable.as_yaml(document))
            else:
                click.echo(printable.lines(table))

    def config_path(self) -> Path:
        """Where the config file is, or would be."""
        from sealwasm.contexts.stored import config_path

        return config_path(self.config_file, self.environment)

    def context(self) -> Context | None:
        """The context in use, read once; None if there is none. Raises `CliError`."""
        if not self._context:
            from sealwasm.contexts.stored import load_context

            self._context.append(load_context(self.config_path(), self.context_name))
        return self._context[0]

    def now(self) -> datetime:
        """The one place where the command line reads the clock."""
        return datetime.now(UTC)


@contextmanager
def _reported() -> Iterator[None]:
    """Turn what the system says of standard output into our words: a full disk is no fault."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is left in the buffer would fail again when Python ends.
        silence_stdout()
        raise CliError(
            Kind.USAGE,
            "output-failed",
            "standard output cannot be written",
            why=error.strerror or type(error).__name__,
            next_step="see what it is sent to, then run the command again",
        ) from error


def silence_stdout() -> None:
    """Send what is still written to standard output nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


pass_session = click.make_pass_decorator(Session)


def _choose_output(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.find_object(Session).output = value  # type: ignore[union-attr]


def output_option(command: Command) -> Command:
    """Add `-o table|json|yaml` to a command."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json", "yaml"]),
        callback=_choose_output,
        expose_value=False,
        is_eager=True,
        help="How to print the result (default: table).",
    )(command)


def dry_run_option(command: Command) -> Command:
    """Add `--dry-run` to a command that writes or sends something."""
    return click.option(
        "--dry-run", is_flag=True, help="Check everything and say what would be done; do nothing."
    )(command)


def dry_files_option(command: Command) -> Command:
    """Add `--dry-run` to a command that writes files and does nothing else: none is written then.

    The command does not see it: `sealwasm.files` checks as ever, and says instead of writing.
    """
    return click.option(
        "--dry-run",
        is_flag=True,
        expose_value=False,
        callback=_choose_dry_run,
        help="Check everything and say what would be written; write nothing.",
    )(command)


def _choose_dry_run(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    context.meta[DRY_RUN] = value


def table(rows: Sequence[Sequence[object]], header: Sequence[str] = ()) -> str:
    """Return `rows` as aligned text columns, the last one unpadded; a cell cannot start a row."""
    given = [header, *rows] if header else rows
    texts = [[printable.one_line(_cell(cell)) for cell in row] for row in given]
    if not texts:
        return ""
    widths = [max(len(row[index]) for row in texts) for index in range(len(texts[0]))]
    lines = []
    for row in texts:
        padded = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        lines.append("  ".join([*padded, row[-1]]).rstrip())
    return "\n".join(lines)


def facts_table(facts: Mapping[str, Any]) -> str:
    """Return facts as a table of two columns, names in words; what is empty is left out."""
    shown = {name: value for name, value in facts.items() if value not in (None, [], ())}
    return table([(name.replace("_", " "), value) for name, value in shown.items()])


def _cell(value: object) -> str:
    """Return what a person reads for `value`: words, and not how a program would write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value)) or "none"
    return str(value)


def is_terminal() -> bool:
    """Progress bars and colours only where a person is looking."""
    return sys.stderr.isatty()
