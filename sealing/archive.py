"""gzip and tar with one file in them: written in one form, read without believing any length.

The writer stores without compressing: its bytes are then the same with every zlib, and the size of
the ciphertext does not tell how well a secret compresses.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from sealing import limits
from sealing.canonical import Buffer, digest_of
from sealing.errors import SealError, SealRefusal
from sealing.secret import SecretBuffer

_BLOCK: Final = 512
_END: Final = bytes(2 * _BLOCK)
_STORED: Final = 0xFFFF
_GZIP_HEAD: Final = bytes.fromhex("1f8b08000000000000ff")
_GZIP_TAIL: Final = struct.Struct("<II")
_GZIP_NAMED: Final = 8
_PIECE: Final = 1 << 16
_NAME, _SIZE, _SUM, _TYPE = slice(0, 100), slice(124, 136), slice(148, 156), slice(156, 157)
_LINK, _MAGIC, _PREFIX = slice(157, 257), slice(257, 265), slice(345, 500)
# POSIX ustar, and what GNU tar writes in its place.
_MAGICS: Final = (b"ustar\x0000", b"ustar  \x00")
_PLAIN_FILE: Final = (b"0", b"\x00")


def _malformed(why: str) -> SealError:
    return SealError(SealRefusal.ARCHIVE_MALFORMED, why)


# --- writing


def tar_size(size: int) -> int:
    """Return how long an archive with one file of `size` bytes is."""
    return _BLOCK + size + -size % _BLOCK + len(_END)


def gzip_size(size: int) -> int:
    """Return how long `size` bytes are as our gzip."""
    blocks = max(1, -(-size // _STORED))
    return len(_GZIP_HEAD) + 5 * blocks + size + _GZIP_TAIL.size


def tar_chunks(name: str, chunks: Iterable[Buffer], size: int) -> Iterator[Buffer]:
    """Give the ustar archive with one file: no owner, no time, mode 0444."""
    header = bytearray(_BLOCK)
    encoded = name.encode("ascii")
    header[: len(encoded)] = encoded
    for at, text in ((100, b"0000444"), (108, b"0000000"), (116, b"0000000")):
        header[at : at + 7] = text
    header[_SIZE] = b"%011o\x00" % size
    header[136:148] = b"%011o\x00" % 0
    header[_TYPE] = b"0"
    header[_MAGIC] = _MAGICS[0]
    header[_SUM] = b" " * 8
    header[_SUM] = b"%06o\x00 " % sum(header)
    yield bytes(header)
    yield from chunks
    yield bytes(-size % _BLOCK) + _END


def gzip_chunks(chunks: Iterable[Buffer], size: int) -> Iterator[Buffer]:
    """Give `size` bytes as gzip of stored blocks. The bytes given are the same however cut."""
    yield _GZIP_HEAD
    crc, left, waiting = 0, size, bytearray()
    for chunk in chunks:
        crc = zlib.crc32(chunk, crc)
        waiting += chunk
        while len(waiting) >= _STORED and left > _STORED:
            yield _stored(waiting[:_STORED], last=False)
            del waiting[:_STORED]
            left -= _STORED
    yield _stored(waiting, last=True)
    yield _GZIP_TAIL.pack(crc, size & 0xFFFFFFFF)


def _stored(data: bytearray, *, last: bool) -> bytes:
    return struct.pack("<BHH", last, len(data), len(data) ^ 0xFFFF) + data


# --- reading


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The one file of an archive, in memory that its holder wipes, and the archive's digest."""

    memory: SecretBuffer
    file: memoryview = field(repr=False)
    tar_digest: str


def unpack(data: memoryview, *, name: str, limit_bytes: int = limits.MODULE_BYTES) -> Unpacked:
    """Return the file `name` of a gzipped tar that holds nothing else, or raise `SealError`.

    One gzip member, one plain file, zeros behind it. After a failure, of whatever kind, nothing is
    left in memory.
    """
    memory = SecretBuffer(_declared_size(data, limit_bytes))
    with ExitStack() as on_failure:
        on_failure.callback(memory.wipe)
        _inflate(data, memory.view)
        start, end = _only_file(memory.view, name)
        unpacked = Unpacked(memory, memory.view[start:end], digest_of(memory.view))
        on_failure.pop_all()
    return unpacked


def _declared_size(data: memoryview, limit_bytes: int) -> int:
    if len(data) < len(_GZIP_HEAD) + _GZIP_TAIL.size or data[:3] != _GZIP_HEAD[:3]:
        raise _malformed("not gzip")
    size: int = _GZIP_TAIL.unpack(data[-_GZIP_TAIL.size :])[1]
    # Another writer may fill up to a record of 20 blocks.
    if size > tar_size(limit_bytes) + 20 * _BLOCK:
        raise SealError(SealRefusal.TOO_LARGE, f"archive is {size} bytes, limit {limit_bytes}")
    if size < tar_size(0):
        raise _malformed(f"archive is {size} bytes, less than one with a file")
    return size


def _body_start(data: memoryview) -> int:
    """Return where the deflate stream begins: behind the header, and a name if one is there."""
    start = len(_GZIP_HEAD)
    if data[3] == 0:
        return start
    end = bytes(data[start : start + 256]).find(b"\0")
    if data[3] != _GZIP_NAMED or end < 0:
        raise _malformed("gzip header has more than a name")
    return start + end + 1


def _inflate(data: memoryview, out: memoryview) -> None:
    """Fill `out` exactly, or raise. No more than a piece beyond it is ever inflated."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    at, crc = 0, 0
    for piece in _inflated(stream, data[_body_start(data) : -_GZIP_TAIL.size]):
        if at + len(piece) > len(out):
            raise _malformed("gzip holds more than it says")
        out[at : at + len(piece)] = piece
        crc = zlib.crc32(piece, crc)
        at += len(piece)
    if not stream.eof or stream.unused_data or at != len(out):
        raise _malformed("gzip does not end where it says")
    if bytes(data[-_GZIP_TAIL.size :]) != _GZIP_TAIL.pack(crc, at):
        raise _malformed("checksum of the gzip is wrong")


def _inflated(stream: zlib._Decompress, body: memoryview) -> Iterator[bytes]:
    try:
        for start in range(0, len(body), _PIECE):
            if stream.eof:
                raise _malformed("gzip goes on behind its end")
            rest: Buffer = body[start : start + _PIECE]
            while rest:
                yield stream.decompress(rest, _PIECE)
                rest = stream.unconsumed_tail
        while last := stream.decompress(b"", _PIECE):
            yield last
    except zlib.error as error:
        raise _malformed("gzip is damaged") from error


def _only_file(tar: memoryview, name: str) -> tuple[int, int]:
    header = bytes(tar[:_BLOCK])
    found = header[_NAME].rstrip(b"\0")
    if header[_MAGIC] not in _MAGICS or header[_TYPE] not in _PLAIN_FILE:
        raise _malformed("archive does not start with a plain file")
    if any(header[_PREFIX]) or any(header[_LINK]):
        raise _malformed("archive names a file in a folder, or a link")
    if found not in (name.encode(), b"./" + name.encode()):
        raise _malformed(f"archive does not start with {name}")
    blank = header[:148] + b" " * 8 + header[156:]
    if _octal(header[_SUM]) != sum(blank):
        raise _malformed("checksum of the archive's header is wrong")
    size = _octal(header[_SIZE])
    end = _BLOCK + size
    rest = len(tar) - end
    if len(tar) % _BLOCK or rest < len(_END) or any(_nonzero(tar[end:])):
        raise _malformed("archive holds more than one file, or does not end in zeros")
    return _BLOCK, end


def _nonzero(rest: memoryview) -> Iterator[bool]:
    """Tell piece by piece whether anything but zeros is there."""
    for start in range(0, len(rest), _PIECE):
        piece = rest[start : start + _PIECE]
        yield piece != bytes(len(piece))


def _octal(field_bytes: bytes) -> int:
    digits = field_bytes.strip(b"\0 ")
    if not digits or digits.strip(b"01234567"):
        raise _malformed("a number in the archive's header is not octal")
    return int(digits, 8)
