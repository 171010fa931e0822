"""The config file: contexts, each naming a broker, a key, a place to publish and the policies.

A command takes from the current context what its options do not say. A context holds paths and
names, never a key: docs/guides/contexts.md has every member.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sealwasm.failure import CliError, Kind
from sealwasm.files import make_folder, read_file, write_file

if TYPE_CHECKING:
    from sealwasm.contexts.models import ConfigFile, ContextFile

VARIABLE: Final = "SEALWASM_CONFIG"
# `pkcs11:...`, `awskms://...`: where a key is that is in no file. One letter would be a drive.
_URI: Final = re.compile(r"[a-z][a-z0-9+.-]+:")
_FOLDER_PREFIX: Final = "oci:"


@dataclass(frozen=True, slots=True)
class Context:
    """One context, its paths made absolute; `values` is by the name that options look up."""

    name: str
    values: Mapping[str, Any]

    def get(self, key: str) -> Any:
        """Return what the context says for `key`, or None."""
        return self.values.get(key)


def config_path(given: str | None, environment: Mapping[str, str]) -> Path:
    """Return where the config file is: named, in `SEALWASM_CONFIG`, or in XDG's config home."""
    named = given or environment.get(VARIABLE)
    if named:
        return Path(named)
    xdg, home = (environment.get(name) or "" for name in ("XDG_CONFIG_HOME", "HOME"))
    # XDG: a relative path there is to be ignored. What lies in the current folder is anybody's.
    if not xdg.startswith("/"):
        xdg = f"{home if home.startswith('/') else ''}/.config"
    return Path(xdg, "sealwasm", "config.yaml")


def load_config(path: Path) -> ConfigFile | None:
    """Return the config file, or None where there is none. Raises `CliError`."""
    from pydantic import ValidationError

    from policies.errors import PolicyError
    from policies.problems import refusal_of
    from policies.reader import read_yaml
    from sealwasm.contexts.models import ConfigFile

    if not path.exists():
        return None
    _require_own(path)
    try:
        value, source = read_yaml(read_file(path), name=str(path))
        try:
            return ConfigFile.model_validate(value)
        except ValidationError as error:
            raise refusal_of(error, source) from None
    except PolicyError as error:
        raise CliError(
            Kind.USAGE,
            "config-invalid",
            error.detail,
            where=error.where,
            next_step=f"correct {path}, or name another: --config FILE",
        ) from error


def _require_own(path: Path) -> None:
    """Refuse a file that others may write: it says which broker may have the module's key."""
    facts = path.stat()
    mode = stat.S_IMODE(facts.st_mode)
    strange = facts.st_uid not in (0, os.geteuid())
    if mode & 0o022 or strange:
        raise CliError(
            Kind.USAGE,
            "config-writable",
            f"the config file {path} belongs to another user"
            if strange
            else f"the config file {path} can be changed by others (mode {mode:04o})",
            why="it says which broker is trusted with your modules",
            next_step=f"ls -l {path}" if strange else f"chmod go-w {path}",
        )


def save_config(path: Path, config: ConfigFile) -> None:
    """Write the config file, readable by its owner only."""
    import yaml

    make_folder(path.parent, mode=0o700)
    text = yaml.safe_dump(config.to_document(), sort_keys=False, allow_unicode=True)
    write_file(path, text.encode(), mode=0o600, replace=True)


def load_context(path: Path, wanted: str | None) -> Context | None:
    """Return the context named `wanted`, else the current one; None if there is no config file.

    Raises `CliError` for a name that is not there.
    """
    config = load_config(path)
    if config is None or (wanted is None and config.current is None):
        if wanted is None:
            return None
        raise unknown_context(wanted, path, ())
    name = wanted or config.current or ""
    if name not in config.contexts:
        raise unknown_context(name, path, tuple(config.contexts))
    return resolved(name, config.contexts[name], path.absolute().parent)


def unknown_context(name: str, path: Path, known: tuple[str, ...]) -> CliError:
    """Return the error for a context that the file does not have."""
    return CliError(
        Kind.NOT_FOUND,
        "context-unknown",
        f"{path} has no context {name}",
        why=f"it has: {', '.join(known)}" if known else "it has none",
        next_step="sealwasm context list, or: sealwasm context add NAME --help",
    )


def resolved(name: str, context: ContextFile, folder: Path) -> Context:
    """Return `context` with its paths taken relative to `folder`, that of the config file."""
    values: dict[str, Any] = {
        "module": context.module,
        "owner": context.owner,
        "policy": context.policy,
        "brokers": tuple(context.brokers),
        "threshold": context.threshold,
        "key": context.key and key_from(context.key, folder),
        "owners": tuple(path_from(path, folder) for path in context.owners),
        "publish-to": context.publish_to and place_from(context.publish_to, folder),
    }
    for key in ("release_policy", "capabilities", "registry_ca", "registry_auth"):
        path = getattr(context, key)
        values[key.replace("_", "-")] = path and path_from(path, folder)
    if len(context.brokers) == 1:
        values["broker"] = context.brokers[0].url
        values["broker-identity"] = context.brokers[0].identity
    return Context(name, {key: value for key, value in values.items() if value not in (None, ())})


def path_from(path: str, folder: Path) -> str:
    """Return `path`, relative to `folder` unless it is absolute."""
    return str(folder / path)


def key_from(key: str, folder: Path) -> str:
    """Return a key's path as `path_from` does, and its URI as it is."""
    return key if _URI.match(key) else path_from(key, folder)


def place_from(place: str, folder: Path) -> str:
    """Return `oci:FOLDER` with its folder as `path_from` does, and a registry as it is."""
    if not place.startswith(_FOLDER_PREFIX):
        return place
    return _FOLDER_PREFIX + path_from(place.removeprefix(_FOLDER_PREFIX), folder)
