"""Options that several commands share, so that they read and mean the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from sealwasm.context_options import context_option

Command = TypeVar("Command", bound=Callable[..., Any])

# Where `sealwasm broker serve` listens unless told otherwise (keybroker.config.API).
DEFAULT_BROKER = "http://127.0.0.1:8440"


def broker_options(command: Command) -> Command:
    """Add `--broker` and `--broker-identity`."""
    command = context_option(
        "--broker-identity",
        from_context="broker-identity",
        beside="broker",
        metavar="ID",
        help="Key id of the broker. Needed unless the broker is on this machine.",
    )(command)
    return broker_option(command)


def broker_option(command: Command) -> Command:
    """Add `--broker` alone, for whoever learns the broker's identity from an owner's signature."""
    return context_option(
        "--broker",
        from_context="broker",
        default=DEFAULT_BROKER,
        show_default=True,
        metavar="URL",
        help="The key broker.",
    )(command)


def owner_key_options(command: Command) -> Command:
    """Add `--key` and `--passphrase-file`."""
    command = click.option(
        "--passphrase-file", metavar="FILE", help="First line of FILE opens the private key."
    )(command)
    return context_option(
        "--key", from_context="key", required=True, metavar="FILE", help="The owner's private key."
    )(command)


def owners_option(command: Command) -> Command:
    """Add `--owner`, one or more public keys."""
    return context_option(
        "--owner",
        "owners",
        from_context="owners",
        multiple=True,
        required=True,
        metavar="FILE",
        help="Public key of an owner to trust; repeatable.",
    )(command)


def plain_http_option(command: Command) -> Command:
    """Add `--plain-http`, which looks as dangerous as it is."""
    return click.option(
        "--unsafe-plain-http",
        "plain_http",
        is_flag=True,
        help="Talk to a registry on another machine without TLS.",
    )(command)


def module_options(command: Command) -> Command:
    """Add what an owner says of a module: `--name`, `--policy`, `--capabilities`."""
    command = context_option(
        "--capabilities",
        from_context="capabilities",
        required=True,
        metavar="FILE",
        help="Capability policy (YAML).",
    )(command)
    command = context_option(
        "--policy",
        from_context="policy",
        required=True,
        metavar="NAME",
        help="Name of the release policy that will decide.",
    )(command)
    return context_option(
        "--name",
        from_context="module",
        required=True,
        metavar="NAME",
        help="Name of the module, for example acme/scoring.",
    )(command)
