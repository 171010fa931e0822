"""The signature that a module carries inside: it survives unsealing, and any host can check it.

Source: WebAssembly/tool-conventions `Signatures.md`, whole-module form. Spec:
docs/specs/wasm-signature.md. It says who signed these bytes and nothing of what they may do: the
owner's statement stays what decides.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sealing import limits
from sealing.canonical import Buffer
from sealing.errors import SealError, SealRefusal
from sealing.keys import ED25519, Signer, VerifyingKey
from sealing.module_source import ByteView
from sealing.wasm.reader import WasmReader, malformed, require_at_most, unsupported

_MAGIC: Final = b"\0asm"
_HEADER_BYTES: Final = 8
_SIGNATURE: Final = b"signature"
_DELIMITER: Final = b"signature_delimiter"
DELIMITER_BYTES: Final = 16
# Specification version 1, content type module, SHA-256.
_HEAD: Final = b"\x01\x01\x01"
_ED25519: Final = 1
_HASH_BYTES: Final = 32
_CUSTOM: Final = 0


@dataclass(frozen=True, slots=True)
class _Section:
    """Where a section starts, its content behind the name, its end, and a custom one's name."""

    start: int
    body: int
    end: int
    title: bytes | None


@dataclass(frozen=True, slots=True)
class _Signature:
    key_id: bytes
    algorithm: int
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Signed:
    """Hashes and the signatures over them."""

    hashes: tuple[bytes, ...]
    signatures: tuple[_Signature, ...]


def signature_parts(
    view: ByteView, pieces: Iterable[Buffer], key: Signer, *, delimiter: bytes
) -> tuple[bytes, bytes]:
    """Return what goes before and after the module's bytes behind its header to sign it.

    `view` and `pieces` give the same module; the first is read here and there, the second once.
    `delimiter` is 16 random bytes. Raises `SealError`: a key that is not Ed25519, no module, or
    one that carries a signature already.
    """
    if key.kind != ED25519:
        raise SealError(SealRefusal.KEY_INVALID, "an embedded signature needs an Ed25519 key")
    if len(delimiter) != DELIMITER_BYTES:
        raise ValueError(f"delimiter is {len(delimiter)} bytes, expected {DELIMITER_BYTES}")
    for section in _sections(view, _header(view)):
        if section.title in (_SIGNATURE, _DELIMITER):
            raise unsupported(section.start, "the module carries a signature already")
    tail = _custom(_DELIMITER, delimiter)
    digest = hashlib.sha256()
    for piece in behind_header(pieces):
        digest.update(piece)
    digest.update(tail)
    hashes = (digest.digest(),)
    signature = _Signature(bytes.fromhex(key.key_id), _ED25519, key.sign(_message(hashes)))
    body = _encode((_Signed(hashes, (signature,)),))
    return bytes(view[:_HEADER_BYTES]) + _custom(_SIGNATURE, body), tail


def behind_header(pieces: Iterable[Buffer]) -> Iterator[Buffer]:
    """Give a module's bytes without the first eight, which no signature covers."""
    left = _HEADER_BYTES
    for piece in pieces:
        yield memoryview(piece)[left:]
        left = max(0, left - len(piece))


def sign_module(module: Buffer, key: Signer, *, delimiter: bytes) -> bytes:
    """Return `module` with the signature of `key` inside. Raises as `signature_parts`."""
    view = memoryview(module)
    head, tail = signature_parts(view, [view], key, delimiter=delimiter)
    return b"".join((head, view[_HEADER_BYTES:], tail))


def is_signed(module: Buffer) -> bool:
    """Return whether a module claims to carry a signature. Raises `SealError` for no module."""
    sections = _sections(module, _header(module))
    return bool(sections) and sections[0].title == _SIGNATURE


def verify_module(module: Buffer, *, keys: Sequence[VerifyingKey]) -> tuple[VerifyingKey, ...]:
    """Return those of `keys` that signed the whole of `module`, or raise `SealError`.

    A signature over a part of it counts for nothing.
    """
    view = memoryview(module)
    sections = _sections(view, _header(view))
    if not sections or sections[0].title != _SIGNATURE:
        raise SealError(SealRefusal.SIGNATURE_MISSING, "module does not begin with a signature")
    first, *rest = sections
    found = _decode(WasmReader(view, first.body, first.end))
    # Numbers have one form here: what is signed should not come in two kinds of bytes.
    if _custom(_SIGNATURE, _encode(found)) != view[first.start : first.end]:
        raise malformed(first.start, "signature section is not in its one form")
    whole = _hashes(view, first.end, rest)
    matching = [one for one in found if _equal(one.hashes, whole)]
    if not matching:
        raise SealError(SealRefusal.SIGNATURE_INVALID, "module is not the one that was signed")
    return _signers(matching, keys)


def _signers(found: Sequence[_Signed], keys: Sequence[VerifyingKey]) -> tuple[VerifyingKey, ...]:
    by_id = {bytes.fromhex(key.key_id): key for key in keys if key.kind == ED25519}
    signers: dict[str, VerifyingKey] = {}
    refusals: list[SealError] = []
    for one in found:
        for signature in one.signatures:
            key = by_id.get(signature.key_id)
            if key is None or signature.algorithm != _ED25519:
                continue
            try:
                key.verify(signature.value, _message(one.hashes))
            except SealError as error:
                refusals.append(error)
            else:
                signers[key.key_id] = key
    if signers:
        return tuple(signers.values())
    detail = f"module is signed by none of the {len(keys)} expected keys"
    raise refusals[0] if refusals else SealError(SealRefusal.SIGNER_UNKNOWN, detail)


def _hashes(view: memoryview, start: int, sections: Sequence[_Section]) -> tuple[bytes, ...]:
    """Return the rolling hash at every delimiter, or the only one where there is none."""
    rolling = hashlib.sha256()
    hashes = []
    done = start
    for section in sections:
        if section.title == _SIGNATURE:
            raise malformed(section.start, "a second signature section")
        if section.title == _DELIMITER:
            rolling.update(view[done : section.end])
            hashes.append(rolling.digest())
            done = section.end
    if not hashes:
        return (hashlib.sha256(view[start:]).digest(),)
    if done != len(view):
        raise malformed(done, "sections behind the last delimiter are not signed")
    return tuple(hashes)


def _header(view: ByteView) -> int:
    """Return where the sections of a module or component begin."""
    if len(view) < _HEADER_BYTES or bytes(view[:4]) != _MAGIC:
        raise SealError(SealRefusal.NOT_WASM, "does not begin with the WebAssembly magic")
    return _HEADER_BYTES


def _sections(view: ByteView, start: int) -> list[_Section]:
    """Return every section from `start` on."""
    reader = WasmReader(view, start, len(view))
    found: list[_Section] = []
    while not reader.at_end:
        offset = reader.offset
        require_at_most(offset, len(found) + 1, limits.BILL_SECTIONS, "sections")
        kind, body = reader.byte(), reader.part()
        title = None
        if kind == _CUSTOM:
            title = bytes(body.take(body.count(limits.BILL_NAME_BYTES)))
        found.append(_Section(offset, body.offset, reader.offset, title))
    return found


def _equal(found: tuple[bytes, ...], expected: tuple[bytes, ...]) -> bool:
    return hmac.compare_digest(b"".join(found), b"".join(expected))


def _message(hashes: tuple[bytes, ...]) -> bytes:
    return b"wasmsig" + _HEAD + b"".join(hashes)


def _decode(reader: WasmReader) -> tuple[_Signed, ...]:
    head = bytes(reader.take(3))
    if head != _HEAD:
        raise unsupported(reader.offset, f"signature of form {head.hex()}, expected {_HEAD.hex()}")
    sets = reader.count(limits.EMBEDDED_SETS)
    found = tuple(_decode_set(reader) for _ in range(sets))
    reader.require_end()
    return found


def _decode_set(reader: WasmReader) -> _Signed:
    hashes = reader.count(limits.EMBEDDED_HASHES)
    digests = tuple(bytes(reader.take(_HASH_BYTES)) for _ in range(hashes))
    signatures = reader.count(limits.EMBEDDED_SIGNATURES)
    return _Signed(digests, tuple(_decode_one(reader) for _ in range(signatures)))


def _decode_one(reader: WasmReader) -> _Signature:
    key_id = bytes(reader.take(reader.count(limits.EMBEDDED_BYTES)))
    algorithm = reader.byte()
    return _Signature(key_id, algorithm, bytes(reader.take(reader.count(limits.EMBEDDED_BYTES))))


def _encode(sets: Sequence[_Signed]) -> bytes:
    out = [_HEAD, _leb(len(sets))]
    for one in sets:
        out += [_leb(len(one.hashes)), *one.hashes, _leb(len(one.signatures))]
        for signature in one.signatures:
            out += [_leb(len(signature.key_id)), signature.key_id]
            out += [bytes([signature.algorithm]), _leb(len(signature.value)), signature.value]
    return b"".join(out)


def _custom(title: bytes, body: bytes) -> bytes:
    content = _leb(len(title)) + title + body
    return bytes([_CUSTOM]) + _leb(len(content)) + content


def _leb(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
