"""A new recovery key of an owner, as two files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sealing.errors import SealError
from sealwasm.failure import CliError, Kind
from sealwasm.files import refuse_existing, write_file


def generate_recovery_key(out: str, name: str, passphrase_file: str | None) -> dict[str, Any]:
    """Write the private file `out` and its public half beside it; return what was made."""
    from sealing.holders.recovery_key import RecoveryKeyFile
    from sealing.hpke import OpeningKey
    from sealwasm.keyfiles import ask_passphrase, read_passphrase

    public_path = Path(out + ".pub")
    for path in (Path(out), public_path):
        refuse_existing(path)
    passphrase = read_passphrase(passphrase_file) or ask_passphrase(
        f"new passphrase of {out}", twice=True
    )
    key = OpeningKey.generate()
    try:
        made = RecoveryKeyFile.protect(key, name, passphrase)
    except SealError as error:
        raise CliError(
            Kind.USAGE,
            error.code.value,
            "this recovery key cannot be made",
            why=error.detail,
            next_step="--recovery OWNER/NAME, and a passphrase of 1 to 1023 bytes",
        ) from error
    write_file(out, made.to_bytes(), mode=0o600)
    write_file(public_path, made.public.to_bytes())
    return {
        "key_id": key.public.key_id,
        "kind": "recovery",
        "name": name,
        "suite": key.suite,
        "private": out,
        "public": str(public_path),
    }
