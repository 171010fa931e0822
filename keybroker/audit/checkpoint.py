"""Checkpoints of the audit log: C2SP tlog-checkpoint, as a C2SP signed note with Ed25519.

A checkpoint says: this log, this many leaves, this root. It does not say when.
Format: docs/specs/audit-log.md, checkpoints.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Self

from keybroker.audit.limits import MAX_NOTE_BYTES, MAX_ORIGIN, MAX_SIGNATURES, MAX_TREE_SIZE
from keybroker.audit.merkle import HASH_BYTES
from keybroker.errors import BrokerCode, BrokerError
from sealing import canonical
from sealing.errors import SealError
from sealing.keys import ED25519, SigningKey, VerifyingKey

_ED25519_TYPE = b"\x01"
_KEY_HASH_BYTES = 4
_ORIGIN = re.compile(rf"[!-*,-~]{{1,{MAX_ORIGIN}}}")  # printable ASCII, neither space nor plus
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, slots=True)
class LogKey:
    """Whose checkpoints count: an origin and the key that signs for it."""

    origin: str
    key: VerifyingKey

    def __post_init__(self) -> None:
        if _ORIGIN.fullmatch(self.origin) is None or self.key.kind != ED25519:
            detail = "a log is named in printable ASCII and signs with Ed25519"
            raise BrokerError(BrokerCode.LOG_KEY_MALFORMED, detail)

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Return the key of a C2SP verifier key string, or raise `LOG_KEY_MALFORMED`."""
        try:
            origin, key_hash, encoded = vkey.split("+", 2)
            material = canonical.b64decode(encoded, what="log key")
            key = cls(origin, VerifyingKey.from_raw_ed25519(material[1:]))
        except (ValueError, SealError) as error:
            detail = "log key is not name, hash and Ed25519 key"
            raise BrokerError(BrokerCode.LOG_KEY_MALFORMED, detail) from error
        if material[:1] != _ED25519_TYPE or key.key_hash.hex() != key_hash:
            detail = "log key is of another type or its hash is not its own"
            raise BrokerError(BrokerCode.LOG_KEY_MALFORMED, detail)
        return key

    @property
    def vkey(self) -> str:
        """The C2SP verifier key string: name, hash and key."""
        encoded = canonical.b64encode(_ED25519_TYPE + self._raw())
        return f"{self.origin}+{self.key_hash.hex()}+{encoded}"

    @property
    def key_hash(self) -> bytes:
        """The first four bytes of SHA-256(name || 0x0A || 0x01 || key)."""
        named = self.origin.encode("ascii") + b"\n" + _ED25519_TYPE + self._raw()
        return hashlib.sha256(named).digest()[:_KEY_HASH_BYTES]

    def _raw(self) -> bytes:
        return self.key.spki[-32:]  # RFC 8410: the key ends the SubjectPublicKeyInfo


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head of one log."""

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """Return the signed text."""
        return f"{self.origin}\n{self.size}\n{canonical.b64encode(self.root)}\n".encode()


@dataclass(frozen=True, slots=True)
class Note:
    """A signed note, taken apart. Nothing about its signatures is verified."""

    text: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...] = field(repr=False)


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> bytes:
    """Return the signed note. The same tree head always gives the same bytes."""
    log = LogKey(checkpoint.origin, key.public)
    text = checkpoint.text()
    encoded = canonical.b64encode(log.key_hash + key.sign(text))
    return text + f"\n— {log.origin} {encoded}\n".encode()


def verify_checkpoint(note: bytes, log: LogKey) -> Checkpoint:
    """Return the tree head that `log` signed.

    Signatures of keys we do not know are ignored, as C2SP asks (witnesses, other algorithms).
    How old the checkpoint is and whether the log only grew is not checked. Raises
    `CHECKPOINT_MALFORMED`, `CHECKPOINT_OTHER_LOG`, `CHECKPOINT_UNSIGNED` (no signature by `log`)
    or `CHECKPOINT_BAD_SIGNATURE`.
    """
    parsed = parse_note(note)
    checkpoint = _parse_text(parsed.text)
    if checkpoint.origin != log.origin:
        raise BrokerError(BrokerCode.CHECKPOINT_OTHER_LOG, "checkpoint is of another log")
    known = (log.origin, log.key_hash)
    ours = [value for name, key_hash, value in parsed.signatures if (name, key_hash) == known]
    if not ours:
        raise BrokerError(BrokerCode.CHECKPOINT_UNSIGNED, "no signature is by the log's key")
    try:
        log.key.verify(ours[0], parsed.text)
    except SealError as error:
        detail = "the log's signature does not verify"
        raise BrokerError(BrokerCode.CHECKPOINT_BAD_SIGNATURE, detail) from error
    return checkpoint


def parse_note(data: bytes) -> Note:
    """Return the parts of a signed note in its one form, or raise `CHECKPOINT_MALFORMED`."""
    if len(data) > MAX_NOTE_BYTES:
        raise _malformed(f"note is {len(data)} bytes, limit {MAX_NOTE_BYTES}")
    try:
        text, blank, tail = data.decode("utf-8").rpartition("\n\n")
    except UnicodeDecodeError as error:
        raise _malformed("note is not UTF-8") from error
    if not blank or not tail.endswith("\n") or _CONTROL.search(text + tail):
        raise _malformed("note is not text, an empty line and signature lines")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise _malformed(f"note has {len(lines)} signatures, limit {MAX_SIGNATURES}")
    signatures = tuple(_parse_signature(line) for line in lines)
    if len({(name, key_hash) for name, key_hash, _ in signatures}) != len(signatures):
        raise _malformed("a key signs twice")
    return Note(f"{text}\n".encode(), signatures)


def parse_number(text: str) -> int | None:
    """Return the number in a decimal text with no leading zero, within the size of a tree."""
    if _NUMBER.fullmatch(text) is None or int(text) > MAX_TREE_SIZE:
        return None
    return int(text)


def parse_hash(text: str) -> bytes | None:
    """Return the 32 bytes of a canonical base64 text, or None."""
    try:
        value = canonical.b64decode(text, what="hash")
    except SealError:
        return None
    return value if len(value) == HASH_BYTES else None


def _parse_text(text: bytes) -> Checkpoint:
    """Return the tree head in three lines; extension lines are refused: nobody could audit them."""
    lines = text.decode("utf-8").split("\n")
    if len(lines) != 4:
        raise _malformed(f"checkpoint has {len(lines) - 1} lines, expected 3")
    size, root = parse_number(lines[1]), parse_hash(lines[2])
    if _ORIGIN.fullmatch(lines[0]) is None or size is None or root is None:
        raise _malformed("checkpoint is not an origin, a size and a root hash")
    return Checkpoint(lines[0], size, root)


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    found = _SIGNATURE.fullmatch(line)
    if found is None:
        raise _malformed("a signature line is not dash, name and base64")
    try:
        value = canonical.b64decode(found[2], what="signature")
    except SealError as error:
        raise _malformed(error.detail) from error
    if len(value) <= _KEY_HASH_BYTES:
        raise _malformed("a signature is empty")
    return found[1], value[:_KEY_HASH_BYTES], value[_KEY_HASH_BYTES:]


def _malformed(detail: str) -> BrokerError:
    return BrokerError(BrokerCode.CHECKPOINT_MALFORMED, detail)
