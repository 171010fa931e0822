"""What a worker is handed before it starts, collected piece by piece, each exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from runner.worker import limits, messages
from runner.worker.frames import Channel, malformed
from runner.worker.messages import (
    SEVERAL,
    Artifact,
    Call,
    Piece,
    PieceName,
    Release,
    Start,
    TreeFile,
)
from sealing import canonical
from sealing.errors import SealError

ARTIFACT = frozenset(
    {
        PieceName.MANIFEST,
        PieceName.CONFIG,
        PieceName.BUNDLE,
        PieceName.OWNER,
        PieceName.LAYER,
    }
)
INPUTS = frozenset({PieceName.CALL, PieceName.STDIN})
UNSEALED = INPUTS | {PieceName.MODULE, PieceName.GRANT}
OPTIONAL = frozenset({PieceName.GUARDRAILS})


@dataclass(frozen=True, slots=True)
class Pieces:
    """Things of known names, each as often as it may come. Nothing in them is verified."""

    found: Mapping[PieceName, tuple[bytearray, ...]] = field(repr=False)

    def one(self, name: PieceName) -> bytes:
        """Return the only piece called `name`."""
        return bytes(self.found[name][0])

    def buffer(self, name: PieceName) -> bytearray:
        """Return the only piece called `name` without a copy."""
        return self.found[name][0]

    def several(self, name: PieceName) -> tuple[bytes, ...]:
        """Return every piece called `name`, in the order they came."""
        return tuple(bytes(piece) for piece in self.found.get(name, ()))


@dataclass(frozen=True, slots=True)
class Handover:
    """What a run needs besides a sealed module. Complete; nothing in it is verified."""

    start: Start = field(repr=False)
    pieces: Pieces = field(repr=False)
    trees: Mapping[str, Mapping[str, bytes]] = field(repr=False)

    def call(self) -> Call:
        """Return arguments and environment. Raises `RunnerError`."""
        try:
            value = canonical.parse_canonical(
                self.pieces.one(PieceName.CALL),
                limit_bytes=limits.MAX_DOCUMENT_BYTES,
                what="call",
            )
            return Call.model_validate(value)
        except (SealError, ValidationError) as error:
            raise malformed("call is not arguments and environment") from error


@dataclass(frozen=True, slots=True)
class Batch:
    """Pieces and files, and the message that came after them, with its body."""

    message: Artifact | Release | Start = field(repr=False)
    body: bytearray = field(repr=False)
    _pieces: Mapping[PieceName, list[bytearray]] = field(repr=False)
    _trees: Mapping[str, Mapping[str, bytes]] = field(repr=False)

    def artifact(self) -> Pieces:
        """Return the pieces of a sealed module, if they are all there is. Raises `RunnerError`."""
        self._require_trees(())
        return self._require(ARTIFACT)

    def release(self) -> bytes:
        """Return a broker's answer that came with nothing beside it. Raises `RunnerError`."""
        self._require_trees(())
        self._require(frozenset())
        return bytes(self.body)

    def handover(self, start: Start) -> Handover:
        """Return what a run needs, if nothing of it is missing and nothing is beside it.

        Raises `RunnerError`.
        """
        self._require_trees(start.mounts)
        pieces = self._require(INPUTS if start.brokers else UNSEALED, OPTIONAL)
        return Handover(start, pieces, {one: self._trees.get(one, {}) for one in start.mounts})

    def _require(
        self, expected: frozenset[PieceName], optional: frozenset[PieceName] = frozenset()
    ) -> Pieces:
        if expected - self._pieces.keys() or self._pieces.keys() - expected - optional:
            raise malformed("pieces are not those of this step")
        return Pieces({name: tuple(found) for name, found in self._pieces.items()})

    def _require_trees(self, mounts: tuple[str, ...]) -> None:
        if self._trees.keys() - set(mounts):
            raise malformed("a file came for a folder that is not mounted")


def receive_batch(channel: Channel) -> Batch:
    """Return what the supervisor hands in, up to the next message that is no piece and no file.

    Raises `RunnerError`: a piece or a file given twice.
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
            return Batch(message, frame.body, pieces, trees)


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
