"""A store on disk: one file per document, written whole or not at all, checked when it is read.

A file is a line with the digest of the rest, then a bundle of the one document. Files are 0600 in
folders 0700: what is in them is public, but whoever may write them decides what is tried first.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attestation.bundle import Bundle, BundleDocument, parse_bundle
from attestation.encoding import canonical_json, parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_MARKS_BYTES, MAX_STORED_BYTES, MAX_STORED_DOCUMENTS

_log = logging.getLogger(__name__)

_DOCUMENTS: Final = "documents"
_MARKS: Final = "marks.json"
_LOCK: Final = ".lock"
_ENDING: Final = ".json"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,180}")


class Folder:
    """Documents by name, and the marks that say what may not come back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._documents = path / _DOCUMENTS

    def read(self, name: str) -> BundleDocument | None:
        """Return a document, or None where it is missing or its file is damaged (logged)."""
        try:
            data = self._load(self._file(name), MAX_STORED_BYTES)
        except EvidenceError as error:
            _log.warning("stored endorsement %s is damaged and is not used: %s", name, error.detail)
            return None
        return None if data is None else _only(name, data)

    def read_all(self) -> dict[str, BundleDocument]:
        """Return every document that can be read, by name."""
        found = {name: self.read(name) for name in self._names()}
        return {name: one for name, one in found.items() if one is not None}

    def _names(self) -> list[str]:
        try:
            with os.scandir(self._documents) as entries:
                names = sorted(one.name for one in entries if one.name.endswith(_ENDING))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise unusable(self._documents, error) from error
        if len(names) > MAX_STORED_DOCUMENTS:
            raise EvidenceError(Refusal.MALFORMED, f"store has over {MAX_STORED_DOCUMENTS} files")
        stems = (name.removesuffix(_ENDING) for name in names)
        return [stem for stem in stems if _NAME.fullmatch(stem)]

    def write(self, documents: Mapping[str, BundleDocument], marks: Mapping[str, int]) -> None:
        """Keep documents and marks; marks first, so that a crash in between forgets none.

        Raises `EvidenceError` `endorsement-unavailable`, with nothing kept, if that is more than
        could be read again.
        """
        if len({*self._names(), *documents}) > MAX_STORED_DOCUMENTS:
            detail = f"{self._path} is full: {MAX_STORED_DOCUMENTS} documents"
            raise EvidenceError(Refusal.ENDORSEMENT_UNAVAILABLE, detail)
        self._save(self._path / _MARKS, canonical_json(dict(marks)))
        for name, document in documents.items():
            self._save(self._file(name), Bundle.of([document]).to_bytes())

    def marks(self) -> dict[str, int]:
        """Return the highest numbers ever seen.

        Raises `EvidenceError` if the file is damaged: without it an old document would pass for a
        new one, so this is not a thing to go on without.
        """
        data = self._load(self._path / _MARKS, MAX_MARKS_BYTES)
        if data is None:
            return {}
        value = parse_json(data, limit_bytes=MAX_MARKS_BYTES, what="marks of the store")
        if not isinstance(value, dict) or any(type(one) is not int for one in value.values()):
            raise EvidenceError(Refusal.MALFORMED, f"{self._path / _MARKS} does not hold marks")
        return value

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out while documents are compared and written.

        Raises `EvidenceError` `endorsement-unavailable` for a folder that is something else.
        """
        try:
            self._require_own()
            self._documents.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.chmod(0o700)
            descriptor = os.open(self._path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unusable(self._path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _require_own(self) -> None:
        """Refuse a folder with other things in it: it would be closed to everybody else."""
        found = {one.name for one in self._path.iterdir()} if self._path.exists() else set()
        if found and not found & {_DOCUMENTS, _MARKS, _LOCK}:
            detail = f"{self._path} holds other things than a store of endorsements"
            raise EvidenceError(Refusal.ENDORSEMENT_UNAVAILABLE, detail)

    def _file(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise EvidenceError(Refusal.MALFORMED, "name of an endorsement is not a plain one")
        return self._documents / f"{name}{_ENDING}"

    def _load(self, path: Path, limit: int) -> bytes | None:
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unusable(path, error) from error
        head, _, rest = data.partition(b"\n")
        if len(data) > limit or head != _head(rest):
            raise EvidenceError(Refusal.MALFORMED, f"{path} is damaged")
        return rest

    def _save(self, path: Path, data: bytes) -> None:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_head(data) + b"\n" + data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            raise unusable(path, error) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _head(data: bytes) -> bytes:
    return b"sha256:" + hashlib.sha256(data).hexdigest().encode("ascii")


def _only(name: str, data: bytes) -> BundleDocument | None:
    try:
        documents = parse_bundle(data).documents
    except EvidenceError as error:
        _log.warning("stored endorsement %s cannot be read: %s", name, error.detail)
        return None
    return documents[0] if len(documents) == 1 else None


def unusable(path: Path, error: OSError) -> EvidenceError:
    """Return the error for a store that the system does not let us use."""
    detail = f"store of endorsements: {path}: {error.strerror}"
    return EvidenceError(Refusal.ENDORSEMENT_UNAVAILABLE, detail)
