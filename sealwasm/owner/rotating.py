"""`sealwasm key rotate`: the old key names the new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealwasm.failure import CliError, Kind

if TYPE_CHECKING:
    from sealing.keys import VerifyingKey
    from sealing.signatures.key_statement import Chain


@dataclass(frozen=True, slots=True)
class Rotation:
    """What the options said."""

    old: str
    passphrase_file: str | None
    new: str
    out: str
    root: str | None
    statements: tuple[str, ...]
    not_before: datetime | None
    old_not_after: datetime | None


def rotate(order: Rotation, *, now: datetime) -> dict[str, Any]:
    """Write the key statement and return what it says. Raises `CliError` and `SealError`."""
    from sealing.signatures.key_statement import sign_key_statement
    from sealwasm.files import require_place, write_file
    from sealwasm.keyfiles import load_public_key, load_signing_key

    require_place(Path(order.out))
    new = load_public_key(order.new)
    old = load_signing_key(order.old, order.passphrase_file)
    require_another(old.public, new)
    chain = chain_to(old.public, order.root, order.statements, now=now)
    envelope = sign_key_statement(
        chain,
        old,
        new,
        now=now,
        not_before=order.not_before,
        old_not_after=order.old_not_after,
    )
    write_file(order.out, envelope)
    return {
        "old": old.key_id,
        "new": new.key_id,
        "sequence": 1 if chain.last is None else chain.last.sequence + 1,
        "statement": order.out,
    }


def require_another(old: VerifyingKey, new: VerifyingKey) -> None:
    """Raise `CliError` where a key would follow itself."""
    if old.key_id == new.key_id:
        raise CliError(
            Kind.USAGE,
            "key-follows-itself",
            "the new key is the old one",
            why="a rotation puts another key in its place",
            next_step="sealwasm key generate --out NEW.key, then name that one",
        )


def chain_to(
    old: VerifyingKey, root_path: str | None, statements: Sequence[str], *, now: datetime
) -> Chain:
    """Return the chain that a new statement goes on, `old` at its head."""
    from sealing.signatures.key_statement import KeyPeriod, follow
    from sealwasm.files import read_file
    from sealwasm.keyfiles import load_public_key

    if (root_path is None) != (not statements):
        raise CliError(
            Kind.USAGE,
            "usage",
            "--root and --key-statement belong together",
            why="a later statement goes on a chain that starts at the first key",
            next_step="--root FIRST.pub, and --key-statement FILE for every statement so far",
        )
    root = old if root_path is None else load_public_key(root_path)
    chain = follow(KeyPeriod(root), [read_file(path) for path in statements], now=now)
    if chain.head.key_id != old.key_id:
        raise CliError(
            Kind.USAGE,
            "key-not-head",
            f"{old.key_id} is not the key that the statements end in",
            why=f"they end in {chain.head.key_id}",
            next_step="sign with that key",
        )
    return chain
