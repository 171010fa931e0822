"""What supervisor and worker say to each other (docs/specs/worker.md section 3).

Headers only: large things travel in the frame body, whose bound depends on the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from keybroker.protocol import Base64, Digest, KeyId, RunnerKey
from runner.ending import Ending
from runner.receipt import Engine, Lockdown
from runner.worker import limits
from runner.worker.frames import malformed
from runner.worker.lockdown import Part

MAX_COUNTER = 2**53 - 1


class PieceName(StrEnum):
    """The pieces a supervisor hands in, each in a frame of its own."""

    MANIFEST = "manifest"
    CONFIG = "config"
    BUNDLE = "bundle"
    LAYER = "layer"
    OWNER = "owner"
    GUARDRAILS = "guardrails"
    MODULE = "module"
    GRANT = "grant"
    CALL = "call"
    STDIN = "stdin"


PIECE_BYTES: dict[PieceName, int] = {
    PieceName.LAYER: limits.MAX_MODULE_BYTES,
    PieceName.MODULE: limits.MAX_MODULE_BYTES,
    PieceName.STDIN: limits.MAX_STDIN_BYTES,
}
# Pieces that may come more than once, in order.
SEVERAL = frozenset({PieceName.BUNDLE, PieceName.OWNER, PieceName.GUARDRAILS})


class Header(BaseModel):
    """A frozen header with no unknown members."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    def to_header(self) -> dict[str, Any]:
        """Return the JSON values of this header."""
        return self.model_dump(mode="json")


GuestPath = Annotated[str, Field(min_length=1, max_length=limits.MAX_PATH_CHARS)]
Counter = Annotated[int, Field(ge=0, le=MAX_COUNTER)]
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
# No control characters but line ends: some of this is shown on a terminal.
Detail = Annotated[
    str, Field(max_length=limits.MAX_DETAIL_CHARS, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*$")
]
LockdownPart = Annotated[Part, Field(strict=False)]
_KeysOfOwner = Annotated[
    tuple[KeyId, ...], Field(min_length=1, max_length=limits.MAX_SEVERAL, strict=False)
]
ShortText = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class Hello(Header):
    """Worker: I am up, and this is the public half of my release key."""

    type: Literal["hello"] = "hello"
    v: Annotated[int, Field(ge=1, le=1)] = 1
    key: RunnerKey


class Piece(Header):
    """Supervisor: one piece of what a run needs, in the body."""

    type: Literal["piece"] = "piece"
    name: Annotated[PieceName, Field(strict=False)]


class TreeFile(Header):
    """Either way: one file of the tree that is mounted at `mount`; its contents are the body."""

    type: Literal["file"] = "file"
    mount: GuestPath
    path: GuestPath


class Artifact(Header):
    """Supervisor: that was a sealed module; so many of its owners must have signed it."""

    type: Literal["artifact"] = "artifact"
    owner_threshold: Annotated[int, Field(ge=1, le=limits.MAX_SEVERAL)]
    # By owner, the keys whose signatures count. Of two that are one owner's only one does.
    owners: Annotated[
        tuple[_KeysOfOwner, ...], Field(min_length=1, max_length=limits.MAX_SEVERAL, strict=False)
    ]


class Release(Header):
    """Supervisor: a broker's answer, in the body, to the request with this binding document."""

    type: Literal["release"] = "release"
    identity: Annotated[Base64, Field(min_length=32, max_length=limits.MAX_IDENTITY_BYTES)]
    request: Digest


class Start(Header):
    """Supervisor: you have everything; go."""

    type: Literal["start"] = "start"
    # Whose releases are to be used, of those that were accepted; null for an unsealed module.
    brokers: (
        Annotated[
            tuple[KeyId, ...], Field(min_length=1, max_length=limits.MAX_RELEASES, strict=False)
        ]
        | None
    )
    # Folders that come with files; one that is empty has no file frame to name it.
    mounts: Annotated[tuple[GuestPath, ...], Field(max_length=64, strict=False)]
    # Parts of the lock-down that the node insists on, by name.
    required: Annotated[tuple[LockdownPart, ...], Field(max_length=16, strict=False)]


class Call(Header):
    """The piece `call`: what the guest is called with, as canonical JSON."""

    arguments: Annotated[tuple[str, ...], Field(max_length=4096, strict=False)]
    environment: Annotated[dict[str, str], Field(max_length=256)]


class Verified(Header):
    """Worker: enough owners signed the artifact; releases can come."""

    type: Literal["verified"] = "verified"


class Accepted(Header):
    """Worker: what this broker released is what the owner sealed; I keep it."""

    type: Literal["accepted"] = "accepted"
    broker: KeyId


class Refused(Header):
    """Worker: I keep nothing of this release, and this is the code of the reason."""

    type: Literal["refused"] = "refused"
    code: Code
    detail: Detail
    remedy: Detail
    reason: ShortText


class Locked(Header):
    """Worker: the module is compiled and linked, I am locked down, the guest starts now."""

    type: Literal["locked"] = "locked"
    lockdown: Lockdown
    engine: Engine
    grant: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    milliseconds: dict[ShortText, Counter]


class Output(Header):
    """Worker: the guest wrote the body to `stream`."""

    type: Literal["output"] = "output"
    stream: Literal["stdout", "stderr"]


class Done(Header):
    """Worker: the guest has ended, and so do I."""

    type: Literal["done"] = "done"
    # `exit_code` only if the guest chose one, `trap` only a class name.
    ending: Annotated[Ending, Field(strict=False)]
    exit_code: Annotated[int, Field(ge=0, le=2**32 - 1)] | None
    trap: ShortText
    usage: dict[Code, Counter]
    denials: Annotated[tuple[ShortText, ...], Field(max_length=limits.MAX_DENIALS, strict=False)]
    deterministic: bool
    # Where the guest was when it trapped. Its owner's business: empty unless the run is unsealed.
    frames: Annotated[tuple[ShortText, ...], Field(max_length=64, strict=False)]


class Failed(Header):
    """Worker: I stop, and this is the code of the reason."""

    type: Literal["failed"] = "failed"
    code: Code
    detail: Detail
    remedy: Detail
    reason: ShortText


FromSupervisor = Piece | TreeFile | Artifact | Release | Start
FromWorker = Hello | Verified | Accepted | Refused | Locked | Output | TreeFile | Done | Failed

_SUPERVISOR: Mapping[str, type[FromSupervisor]] = {
    "piece": Piece,
    "file": TreeFile,
    "artifact": Artifact,
    "release": Release,
    "start": Start,
}
_WORKER: Mapping[str, type[FromWorker]] = {
    "hello": Hello,
    "verified": Verified,
    "accepted": Accepted,
    "refused": Refused,
    "locked": Locked,
    "output": Output,
    "file": TreeFile,
    "done": Done,
    "failed": Failed,
}
Message = TypeVar("Message", bound=Header)


def from_supervisor(header: Mapping[str, Any]) -> tuple[FromSupervisor, int]:
    """Return a supervisor's message and how large its body may be, or raise `RunnerError`."""
    message = _parse(header, _SUPERVISOR)
    if isinstance(message, Piece):
        return message, PIECE_BYTES.get(message.name, limits.MAX_DOCUMENT_BYTES)
    if isinstance(message, Release):
        return message, limits.MAX_RELEASE_BYTES
    return message, limits.MAX_FILE_BYTES if isinstance(message, TreeFile) else 0


def from_worker(
    header: Mapping[str, Any], *, file_bytes: int = limits.MAX_FILE_BYTES
) -> tuple[FromWorker, int]:
    """Return a worker's message and how large its body may be, or raise `RunnerError`.

    `file_bytes` is what a file may hold by the grant: room for more is never made.
    """
    message = _parse(header, _WORKER)
    if isinstance(message, Output):
        return message, limits.MAX_OUTPUT_CHUNK_BYTES
    return message, file_bytes if isinstance(message, TreeFile) else 0


def _parse(header: Mapping[str, Any], kinds: Mapping[str, type[Message]]) -> Message:
    kind = kinds.get(str(header.get("type")))
    if kind is None:
        raise malformed("header has no known type")
    try:
        return kind.model_validate(header)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, e["loc"])) for e in error.errors()[:4])
        raise malformed(f"{header['type']} header is wrong at {where}") from error
