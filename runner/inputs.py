"""What goes into a run: what the caller offers, cut to what the grant lets in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from policies.limits import MAX_ARGUMENT_BYTES, MAX_ARGUMENTS
from policies.models import CapabilityPolicy
from runner import receipt
from runner.errors import RunnerCode, RunnerError
from runner.host_files import Tree, read_tree
from sealing import canonical


def nothing(_count: int) -> bytes:
    """Return the content of an empty standard input."""
    return b""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the caller has for the guest. `read_stdin(n)` returns at most n bytes, all there is."""

    arguments: tuple[str, ...] = field(default=(), repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    folders: Mapping[str, Path] = field(default_factory=dict)
    read_stdin: Callable[[int], bytes] = field(default=nothing, repr=False)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the worker is handed. Everything in it was granted."""

    arguments: tuple[str, ...] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    stdin: bytes = field(repr=False)
    trees: Mapping[str, Tree] = field(repr=False)

    def digests(self) -> receipt.Inputs:
        """Return what the receipt says about them."""
        return receipt.Inputs(
            arguments=canonical.digest_of(canonical.encode(list(self.arguments))),
            environment=canonical.digest_of(canonical.encode(dict(self.environment))),
            stdin=canonical.digest_of(self.stdin),
            files=digest_of_trees({mount: tree.files for mount, tree in self.trees.items()}),
        )


def digest_of_trees(trees: Mapping[str, Mapping[str, bytes]]) -> str:
    """Return the digest of the JSON object folder → path → digest (docs/specs/receipt.md 3)."""
    document = {
        mount: {path: canonical.digest_of(data) for path, data in files.items()}
        for mount, files in trees.items()
    }
    return canonical.digest_of(canonical.encode(document))


def parse_folders(options: Sequence[str]) -> dict[str, Path]:
    """Return guest path → host folder of `GUEST=HOST` options.

    Looks at no folder. Raises `RunnerError` for another form or a guest path named twice.
    """
    folders: dict[str, Path] = {}
    for option in options:
        guest, equals, host = option.partition("=")
        if not equals or not guest.startswith("/") or not host:
            detail = f"got {option[:200]}, expected GUEST=HOST with an absolute GUEST"
            raise RunnerError(RunnerCode.INPUT_MALFORMED, detail)
        if guest in folders:
            raise RunnerError(RunnerCode.INPUT_MALFORMED, f"{guest} is given twice")
        folders[guest] = Path(host)
    return folders


def require_folders_granted(folders: Mapping[str, Path], grant: CapabilityPolicy) -> None:
    """Accept host folders only where `grant` names a folder with source host.

    Raises `RunnerError` with the lines that would grant the first one it does not.
    """
    granted = {mount.path for mount in grant.spec.files if mount.source == "host"}
    for guest in folders:
        if guest not in granted:
            remedy = f"spec:\n  files:\n    - {{path: {guest}, source: host, access: read-only}}"
            detail = f"folder {guest} of the host is not granted"
            raise RunnerError(RunnerCode.INPUT_NOT_GRANTED, detail, remedy)


def require_texts(offer: Offer) -> None:
    """Accept texts that can be told in a receipt, and no more than any policy can grant.

    Raises `RunnerError`.
    """
    given = {"an argument": offer.arguments, "a variable": tuple(offer.environment.values())}
    for what, texts in given.items():
        if not all(map(_is_text, texts)):
            raise RunnerError(
                RunnerCode.INPUT_MALFORMED, f"{what} is not UTF-8, or holds a NUL byte"
            )
    size = sum(len(text.encode()) for text in offer.arguments)
    if len(offer.arguments) > MAX_ARGUMENTS or size > MAX_ARGUMENT_BYTES:
        detail = f"{len(offer.arguments)} arguments of {size} bytes are given, "
        detail += f"but no policy can grant more than {MAX_ARGUMENTS} of {MAX_ARGUMENT_BYTES}"
        raise RunnerError(RunnerCode.INPUT_TOO_LARGE, detail)


def _is_text(text: str) -> bool:
    """Whether it was valid UTF-8: the command line keeps other bytes as surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def take_inputs(offer: Offer, grant: CapabilityPolicy) -> Inputs:
    """Return what of `offer` the guest gets under `grant`; reads folders and standard input.

    Whether arguments are granted is checked where the guest is made. Raises `RunnerError`: a folder
    that is not granted or cannot be read, text that is none, or more bytes than granted.
    """
    require_texts(offer)
    require_folders_granted(offer.folders, grant)
    spec = grant.spec
    stdin = b""
    if spec.stdin.allow:
        stdin = offer.read_stdin(spec.stdin.max_bytes + 1)
        if len(stdin) > spec.stdin.max_bytes:
            detail = f"standard input is longer than {spec.stdin.max_bytes} bytes"
            raise RunnerError(RunnerCode.INPUT_TOO_LARGE, detail)
    wanted = [name for name, variable in spec.env.items() if variable.origin == "runner"]
    trees = {
        mount.path: read_tree(
            offer.folders[mount.path], max_bytes=mount.max_bytes, max_files=mount.max_files
        )
        for mount in spec.files
        if mount.path in offer.folders
    }
    environment = {name: offer.environment[name] for name in wanted if name in offer.environment}
    return Inputs(offer.arguments, environment, stdin, trees)
