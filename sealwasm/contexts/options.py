"""Options that take what the command line does not say from the current context.

Their help says which member of the context that is: `[context: broker]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from sealwasm.contexts.completing import context_names
from sealwasm.failure import CliError, Kind
from sealwasm.session import Session

if TYPE_CHECKING:
    from sealwasm.contexts.models import BrokerPlace
    from sealwasm.contexts.stored import Context

Command = TypeVar("Command", bound=Callable[..., Any])


class ContextOption(click.Option):
    """An option with a value in the context: given on the command line, or there, or a default.

    `beside` names the option that this one belongs to: what the context says of its own broker
    says nothing about another one that is named on the command line. `take` picks the option's
    value out of what the context says.
    """

    def __init__(
        self,
        *args: Any,
        from_context: str,
        beside: str | None = None,
        take: Callable[[Any], Any] = lambda found: found,
        **named: Any,
    ) -> None:
        self.take = take
        self.from_context = from_context
        self.beside = beside
        # click would call it required in the help, which it is only where no context says it.
        self.needed = bool(named.pop("required", False))
        where = (
            f"required, or context: {from_context}" if self.needed else f"context: {from_context}"
        )
        named["help"] = f"{named.get('help', '')} [{where}]"
        super().__init__(*args, **named)

    def consume_value(
        self, ctx: click.Context, opts: Mapping[str, Any]
    ) -> tuple[Any, ParameterSource]:
        """Return the value and where it is from; see `click.Parameter`."""
        value, source = super().consume_value(ctx, opts)
        if source is ParameterSource.COMMANDLINE or ctx.resilient_parsing:
            return value, source
        found = self._looked_up(ctx, opts)
        return (value, source) if found is None else (found, ParameterSource.DEFAULT_MAP)

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """Return the value in its type; where one is needed and none is, say both ways to it."""
        processed = super().process_value(ctx, value)
        if self.needed and not ctx.resilient_parsing and self.value_is_missing(processed):
            raise missing_option(ctx.ensure_object(Session), self.opts[-1], self.from_context)
        return processed

    def _looked_up(self, ctx: click.Context, opts: Mapping[str, Any]) -> Any:
        context = ctx.ensure_object(Session).context()
        if context is None:
            return None
        if self.from_context == "broker":
            _require_one_broker(context)
        other = opts.get(self.beside) if self.beside else None
        if isinstance(other, str) and other != context.get(self.beside or ""):
            return None
        if isinstance(other, list | tuple) and other:
            places: tuple[BrokerPlace, ...] = context.get("brokers") or ()
            if list(other) != [place.url for place in places]:
                return None
        found = context.get(self.from_context)
        return None if found is None else self.take(found)


def _require_one_broker(context: Context) -> None:
    """Refuse to fall back on the broker of this machine where the context names several."""
    brokers: tuple[BrokerPlace, ...] = context.get("brokers") or ()
    if len(brokers) > 1:
        raise CliError(
            Kind.USAGE,
            "broker-not-chosen",
            f"context {context.name} names {len(brokers)} brokers and this command asks one",
            next_step=f"--broker {brokers[0].url}",
        )


def missing_option(session: Session, option: str, from_context: str) -> CliError:
    """Return the error for an option that is needed and that no context says either."""
    context = session.context()
    told = f"context {context.name} says none" if context else "no context is in use"
    return CliError(
        Kind.USAGE,
        "usage",
        f"{option} is not given, and {told}",
        next_step=f"add {option}, or `{from_context}` to a context: sealwasm context add --help",
    )


def context_option(*names: str, from_context: str, **named: Any) -> Callable[[Command], Command]:
    """Return a decorator as `click.option`, for an option that looks into the context."""

    def decorate(command: Command) -> Command:
        option = click.option(*names, cls=ContextOption, from_context=from_context, **named)
        return option(with_context(command))

    return decorate


def with_context(command: Command) -> Command:
    """Add `--context` and `--config`, once, to a command that looks into the context."""
    known: list[click.Parameter] = getattr(command, "__click_params__", [])
    if any(parameter.name == "context_name" for parameter in known):
        return command
    command = click.option(
        "--config",
        "config_file",
        metavar="FILE",
        callback=_choose_config,
        expose_value=False,
        is_eager=True,
        help="Config file with contexts (default: SEALWASM_CONFIG, or in ~/.config/sealwasm).",
    )(command)
    return click.option(
        "--context",
        "context_name",
        metavar="NAME",
        shell_complete=context_names,
        callback=_choose_context,
        expose_value=False,
        is_eager=True,
        help="Use that context instead of the current one.",
    )(command)


def _choose_config(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Session).config_file = value


def _choose_context(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Session).context_name = value
