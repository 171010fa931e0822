"""Whose signatures count, as options: `--owner`, `--threshold`, `--owners`, `--key-statement`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.core import ParameterSource

from sealwasm.contexts.options import context_option, missing_option
from sealwasm.failure import CliError, Kind
from sealwasm.session import Session

if TYPE_CHECKING:
    from sealing.keys import VerifyingKey
    from sealing.signatures.owner_trust import OwnerTrust

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class TrustChoice:
    """What the options said. Nothing is read yet."""

    owners: tuple[str, ...] = ()
    threshold: int = 1
    file: str | None = None
    statements: tuple[str, ...] = ()

    @property
    def says_nothing(self) -> bool:
        """Whether no owner is named at all."""
        return not self.owners and self.file is None

    def load(self) -> OwnerTrust:
        """Return the trust, or raise `CliError` where it names nobody."""
        from sealing.signatures.owner_trust import OwnerTrust
        from sealwasm.keyfiles import load_public_key

        if self.file is not None:
            return load_trust_file(self.file)
        if not self.owners:
            session = click.get_current_context().ensure_object(Session)
            raise missing_option(session, "--owner", "owners")
        return OwnerTrust.of(
            [load_public_key(path) for path in self.owners],
            threshold=self._reachable(),
            statements=[_read(path) for path in self.statements],
        )

    def load_or(self, key: VerifyingKey) -> OwnerTrust:
        """Return the trust, or trust in `key` alone where the options name nobody."""
        from sealing.signatures.owner_trust import OwnerTrust

        return OwnerTrust.of([key]) if self.says_nothing else self.load()

    def _reachable(self) -> int:
        if self.threshold > len(set(self.owners)):
            raise CliError(
                Kind.USAGE,
                "usage",
                f"--threshold {self.threshold} cannot be met by {len(set(self.owners))} owners",
                next_step="name more owners: --owner FILE, or: --owners FILE",
            )
        return self.threshold


def load_trust_file(path: str) -> OwnerTrust:
    """Return the trust in a YAML file; files that it names are beside it. Raises `CliError`."""
    from policies.errors import PolicyError
    from policies.reader import read_yaml
    from sealing.errors import SealError
    from sealing.signatures.owner_trust import OwnerTrust

    folder = Path(path).parent
    try:
        value, _ = read_yaml(_read(path), name=path)
        return OwnerTrust.from_document(value, read=lambda name: _read(str(folder / name)))
    except PolicyError as error:
        raise CliError(
            Kind.USAGE, "trust-file-invalid", error.detail, where=error.where, next_step=_CORRECT
        ) from error
    except SealError as error:
        raise CliError(
            Kind.USAGE, error.code.value, error.detail, where=path, next_step=_CORRECT
        ) from error


_CORRECT = "correct the file: docs/specs/owner-keys.md, section T, has all members"


def _read(path: str) -> bytes:
    from sealwasm.files import read_file

    return read_file(path)


def trust_options(command: Command) -> Command:
    """Add whose signatures count; the command gets it as `trust`."""

    @functools.wraps(command)
    def with_trust(*args: Any, **given: Any) -> Any:
        return command(*args, trust=_choice(given), **given)

    statement = click.option(
        "--key-statement",
        "key_statements",
        multiple=True,
        metavar="FILE",
        help="What the owner's key said about the one after it; repeatable, with one --owner.",
    )
    file = click.option(
        "--owners",
        "owners_file",
        metavar="FILE",
        help="Trust file instead: owners, threshold, expiry, key statements.",
    )
    threshold = click.option(
        "--threshold",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="M",
        help="How many of the owners have to have signed.",
    )
    owner = context_option(
        "--owner",
        "owners",
        from_context="owners",
        multiple=True,
        metavar="FILE",
        help="Public key of an owner to trust; repeatable.",
    )
    return cast("Command", owner(threshold(file(statement(with_trust)))))


def _choice(given: dict[str, Any]) -> TrustChoice:
    choice = TrustChoice(
        owners=tuple(given.pop("owners")),
        threshold=given.pop("threshold"),
        file=given.pop("owners_file"),
        statements=given.pop("key_statements"),
    )
    if choice.file is None:
        return choice
    context = click.get_current_context()
    beside = [
        name
        for name in ("owners", "threshold", "key_statements")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if beside:
        raise CliError(
            Kind.USAGE,
            "usage",
            "--owners FILE says all about owners; --owner, --threshold and --key-statement add to "
            "nothing then",
            next_step="leave them out, or write them into the file",
        )
    return choice
