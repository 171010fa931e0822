"""Which keys are in a folder or on a token, without opening any of them."""

from __future__ import annotations

from pathlib import Path

from sealing import limits
from sealing.errors import SealError
from sealing.keys import SigningKey, VerifyingKey
from sealing.signers.cosign_key import is_cosign_key
from sealing.signers.open import is_key_uri
from sealing.signers.pkcs11 import list_token_keys
from sealing.signers.pkcs11_uri import parse_pkcs11_uri
from sealwasm.failure import CliError, Kind
from sealwasm.files import read_file
from sealwasm.keyfiles import unusable

# A folder with more entries is not where somebody keeps keys.
_FOLDER_ENTRIES = 4096
_UNKNOWN = "-"


def _row(place: str, form: str, public: VerifyingKey | None) -> dict[str, str]:
    return {
        "key_id": public.key_id if public else _UNKNOWN,
        "kind": public.kind if public else _UNKNOWN,
        "form": form,
        "place": place,
    }


def _beside(path: Path) -> VerifyingKey | None:
    """Return what the file of the public half says, where `key generate` put one."""
    try:
        return VerifyingKey.from_pem(read_file(f"{path}.pub"))
    except (SealError, CliError):
        return None


def _in_file(path: Path) -> dict[str, str] | None:
    try:
        data = read_file(path, limit_bytes=limits.PEM_BYTES)
        if is_cosign_key(data):
            return _row(str(path), "cosign, encrypted", _beside(path))
        if b"BEGIN ENCRYPTED PRIVATE KEY" in data:
            return _row(str(path), "private, encrypted", _beside(path))
        if b"PRIVATE KEY" in data:
            return _row(str(path), "private", SigningKey.from_pem(data).public)
        return _row(str(path), "public", VerifyingKey.from_pem(data))
    except (SealError, CliError):
        return None  # Not a key, or not ours to read.


def _in_folder(place: str) -> list[dict[str, str]]:
    folder = Path(place)
    if not folder.is_dir():
        raise CliError(
            Kind.NOT_FOUND,
            "folder-not-found",
            f"no such folder: {place}",
            next_step="sealwasm key show FILE shows a single key",
        )
    paths = sorted(folder.iterdir())
    if len(paths) > _FOLDER_ENTRIES:
        detail = f"{place} has {len(paths)} entries, more than {_FOLDER_ENTRIES}"
        raise CliError(Kind.USAGE, "folder-too-large", detail, next_step="name another folder")
    return [row for path in paths if path.is_file() and (row := _in_file(path))]


def keys_at(place: str) -> list[dict[str, str]]:
    """Return key id, kind, form and place of every key in a folder or on a token."""
    if not is_key_uri(place):
        return _in_folder(place)
    try:
        found = list_token_keys(parse_pkcs11_uri(place))
    except SealError as error:
        raise unusable(place, error) from error
    return [_row(str(uri), "token", public) for uri, public in found]
