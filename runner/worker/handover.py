"""What a worker is handed before it starts, collected piece by piece, each exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from runner.worker import limits, messages
from runner.worker.frames import Channel, malformed
from runner.worker.messages import SEVERAL, Call, Piece, PieceName, Start, TreeFile
from sealing import canonical
from sealing.errors import SealError

SEALED = frozenset(
    {
        PieceName.MANIFEST,
        PieceName.CONFIG,
        PieceName.BUNDLE,
        PieceName.LAYER,
        PieceName.OWNER,
        PieceName.IDENTITY,
        PieceName.RELEASE,
        PieceName.CALL,
        PieceName.STDIN,
    }
)
UNSEALED = frozenset({PieceName.MODULE, PieceName.GRANT, PieceName.CALL, PieceName.STDIN})
OPTIONAL = frozenset({PieceName.GUARDRAILS})


@dataclass(frozen=True, slots=True)
class Handover:
    """Everything a run needs. Complete; nothing in it is verified."""

    start: Start = field(repr=False)
    pieces: Mapping[PieceName, tuple[bytearray, ...]] = field(repr=False)
    trees: Mapping[str, Mapping[str, bytes]] = field(repr=False)

    def one(self, name: PieceName) -> bytes:
        """Return the only piece called `name`."""
        return bytes(self.pieces[name][0])

    def buffer(self, name: PieceName) -> bytearray:
        """Return the only piece called `name` without a copy."""
        return self.pieces[name][0]

    def call(self) -> Call:
        """Return arguments and environment. Raises `RunnerError`."""
        try:
            value = canonical.parse_canonical(
                self.one(PieceName.CALL), limit_bytes=limits.MAX_DOCUMENT_BYTES, what="call"
            )
            return Call.model_validate(value)
        except (SealError, ValidationError) as error:
            raise malformed("call is not arguments and environment") from error

    def several(self, name: PieceName) -> tuple[bytes, ...]:
        """Return every piece called `name`, in the order they came."""
        return tuple(bytes(piece) for piece in self.pieces.get(name, ()))


def receive_handover(channel: Channel) -> Handover:
    """Return what the supervisor hands in, up to its `start`.

    Raises `RunnerError`: a piece missing, given twice or out of place, a file outside its folder.
    """
    pieces: dict[PieceName, list[bytearray]] = {}
    trees: dict[str, dict[str, bytes]] = {}
    while True:
        frame = channel.receive(messages.from_supervisor)
        message = frame.message
        if isinstance(message, Piece):
            _add_piece(pieces, message.name, frame.body)
        elif isinstance(message, TreeFile):
            _add_file(trees, message, frame.body)
        else:
            return _complete(message, pieces, trees)


def _add_piece(pieces: dict[PieceName, list[bytearray]], name: PieceName, body: bytearray) -> None:
    found = pieces.setdefault(name, [])
    if len(found) >= (limits.MAX_SEVERAL if name in SEVERAL else 1):
        raise malformed(f"piece {name} came too often")
    found.append(body)


def _add_file(trees: dict[str, dict[str, bytes]], message: TreeFile, body: bytearray) -> None:
    tree = trees.setdefault(message.mount, {})
    if message.path in tree:
        raise malformed("a file came twice")
    tree[message.path] = bytes(body)


def _complete(
    start: Start,
    pieces: Mapping[PieceName, list[bytearray]],
    trees: Mapping[str, Mapping[str, bytes]],
) -> Handover:
    expected = SEALED if start.sealed else UNSEALED
    if expected - pieces.keys() or pieces.keys() - expected - OPTIONAL:
        raise malformed("pieces are not those of this kind of run")
    if trees.keys() - set(start.mounts):
        raise malformed("a file came for a folder that is not mounted")
    return Handover(
        start,
        {name: tuple(found) for name, found in pieces.items()},
        {mount: trees.get(mount, {}) for mount in start.mounts},
    )
