"""Options that several commands share, so that they read and mean the same everywhere."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

from sealwasm.artifacts.registry_access import access_of
from sealwasm.contexts.options import context_option

Command = TypeVar("Command", bound=Callable[..., Any])

# Where `sealwasm broker serve` listens unless told otherwise (keybroker.settings.config.API).
DEFAULT_BROKER = "http://127.0.0.1:8440"

# The first is post-quantum hybrid: a module must stay secret for years (ADR 3).
SUITES = ["mlkem768x25519-hkdfsha256-aes256gcm", "x25519-hkdfsha256-aes256gcm"]


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


def brokers_option(command: Command) -> Command:
    """Add `--broker`, once for each broker that may release the key or a share of it."""
    return context_option(
        "--broker",
        "brokers",
        from_context="brokers",
        take=lambda places: [place.url for place in places],
        multiple=True,
        default=[DEFAULT_BROKER],
        show_default=True,
        metavar="URL",
        help="A key broker; repeatable.",
    )(command)


def sealing_brokers_options(command: Command) -> Command:
    """Add `--broker` and `--broker-identity`, once for each broker, and `--threshold`."""
    command = context_option(
        "--threshold",
        from_context="threshold",
        beside="brokers",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="How many of the brokers it takes. Above 1 none of them has the whole key.",
    )(command)
    return every_broker_options(command)


def every_broker_options(command: Command) -> Command:
    """Add `--broker` and `--broker-identity`, once for each broker that is told something."""
    command = context_option(
        "--broker-identity",
        "identities",
        from_context="brokers",
        take=lambda places: [place.identity or "" for place in places],
        beside="brokers",
        multiple=True,
        metavar="ID",
        help="Key id of each broker, in their order. Needed unless they are on this machine.",
    )(command)
    return brokers_option(command)


def owner_key_options(command: Command) -> Command:
    """Add `--key` and `--passphrase-file`."""
    return key_options(required=True)(command)


def key_options(*, required: bool) -> Callable[[Command], Command]:
    """Return a decorator as `owner_key_options`, for commands that need a key only sometimes."""

    def decorate(command: Command) -> Command:
        command = click.option(
            "--passphrase-file", metavar="FILE", help="First line of FILE opens the private key."
        )(command)
        return context_option(
            "--key",
            from_context="key",
            required=required,
            metavar="KEY",
            help="The owner's private key: a file, or a pkcs11:, awskms: or hv: URI.",
        )(command)

    return decorate


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


def registry_options(command: Command) -> Command:
    """Add how registries are talked to and as whom; the command gets it as `registry`."""

    @functools.wraps(command)
    def with_access(*args: Any, **given: Any) -> Any:
        return command(*args, registry=access_of(given, os.environ), **given)

    plain = click.option(
        "--unsafe-plain-http",
        "plain_http",
        is_flag=True,
        help="Talk to a registry on another machine without TLS; never with credentials.",
    )
    realm = click.option(
        "--registry-realm",
        multiple=True,
        metavar="REGISTRY=HOST",
        help="Token server that may be told the credentials of a registry; repeatable.",
    )
    key = click.option(
        "--registry-key", metavar="FILE", help="Private key of --registry-cert (PEM, mode 0600)."
    )
    certificate = click.option(
        "--registry-cert", metavar="FILE", help="Client certificate for registries (PEM)."
    )
    authorities = context_option(
        "--registry-ca",
        from_context="registry-ca",
        metavar="FILE",
        help="Authorities to trust for registries instead of the public ones (PEM).",
    )
    auth = context_option(
        "--registry-auth",
        from_context="registry-auth",
        metavar="FILE",
        help="Credentials for registries: docker's config.json, containers' auth.json or a mounted "
        "Kubernetes secret (default: where docker and podman keep theirs).",
    )
    return cast("Command", auth(authorities(certificate(key(realm(plain(with_access)))))))


def module_options(*, required: bool) -> Callable[[Command], Command]:
    """Return a decorator that adds what an owner says of a module: name, policy, capabilities."""

    def decorate(command: Command) -> Command:
        command = context_option(
            "--capabilities",
            from_context="capabilities",
            required=required,
            metavar="FILE",
            help="Capability policy (YAML).",
        )(command)
        command = context_option(
            "--policy",
            from_context="policy",
            required=required,
            metavar="NAME",
            help="Name of the release policy that will decide.",
        )(command)
        return context_option(
            "--name",
            from_context="module",
            required=required,
            metavar="NAME",
            help="Name of the module, for example acme/scoring.",
        )(command)

    return decorate


def hide_details_option(command: Command) -> Command:
    """Add `--hide-details`."""
    return click.option(
        "--hide-details",
        is_flag=True,
        help="Keep plaintext digest and bill of materials from everybody without the content key. "
        "Nodes cannot judge imports before they run it then.",
    )(command)


def suite_option(command: Command) -> Command:
    """Add `--suite`, how content keys are sealed to brokers."""
    return click.option(
        "--suite",
        type=click.Choice(SUITES),
        default=SUITES[0],
        show_default=True,
        help="How the key is sealed to the broker.",
    )(command)
