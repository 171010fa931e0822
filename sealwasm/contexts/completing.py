"""What the shell offers after TAB beyond the names of commands and options.

Nothing is asked of a network, and whatever is wrong is no completion, never an error.
"""

from __future__ import annotations

from pathlib import Path

import click

from sealwasm.failure import CliError
from sealwasm.session import Session


def context_names(ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Return the contexts of the config file that start with what was typed."""
    from sealwasm.contexts.stored import load_config

    try:
        config = load_config(ctx.ensure_object(Session).config_path())
    except CliError:
        return []
    return [name for name in config.contexts if name.startswith(typed)] if config else []


def references(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Return `oci:FOLDER` for the folders around, and `oci:FOLDER:TAG` for the tags in one."""
    folder, colon, tag = typed.removeprefix("oci:").partition(":")
    if not typed.startswith("oci:"):
        return ["oci:"] if "oci:".startswith(typed) else []
    if colon:
        return [f"oci:{folder}:{one}" for one in _tags(folder) if one.startswith(tag)]
    return [f"oci:{path}:" for path in _layouts(folder)]


def _tags(folder: str) -> list[str]:
    from sealing.errors import SealError
    from sealing.oci.layout import OciLayout
    from sealwasm.artifacts.listing import is_beside

    try:
        return [tag for tag in OciLayout.open(Path(folder)).tags() if not is_beside(tag)]
    except SealError:
        return []


def _layouts(typed: str) -> list[str]:
    parent, _, start = typed.rpartition("/")
    folder = Path(parent or ("/" if typed.startswith("/") else "."))
    try:
        found = sorted(path.name for path in folder.iterdir() if (path / "oci-layout").exists())
    except OSError:
        return []
    prefix = typed[: len(typed) - len(start)]
    return [prefix + name for name in found if name.startswith(start)]
