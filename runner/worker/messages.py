"""What supervisor and worker say to each other (docs/specs/worker.md section 3).

Headers only: large things travel in the frame body, whose bound depends on the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runner.worker import limits
from runner.worker.frames import malformed

MAX_COUNTER = 2**53 - 1


class PartName(StrEnum):
    """The pieces a supervisor hands in, each in a frame of its own."""

    MANIFEST = "manifest"
    CONFIG = "config"
    BUNDLE = "bundle"
    LAYER = "layer"
    RELEASE = "release"
    OWNER = "owner"
    IDENTITY = "identity"
    GUARDRAILS = "guardrails"
    MODULE = "module"
    GRANT = "grant"
    STDIN = "stdin"


PART_BYTES: dict[PartName, int] = {
    PartName.LAYER: limits.MAX_MODULE_BYTES,
    PartName.MODULE: limits.MAX_MODULE_BYTES,
    PartName.STDIN: limits.MAX_STDIN_BYTES,
}
# Parts that may come more than once, in order.
SEVERAL = frozenset({PartName.BUNDLE, PartName.GUARDRAILS})


class Header(BaseModel):
    """A frozen header with no unknown members."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    def to_header(self) -> dict[str, Any]:
        """Return the JSON values of this header."""
        return self.model_dump(mode="json")


GuestPath = Annotated[str, Field(min_length=1, max_length=limits.MAX_PATH_BYTES)]
Counter = Annotated[int, Field(ge=0, le=MAX_COUNTER)]
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Detail = Annotated[str, Field(max_length=limits.MAX_DETAIL_CHARS)]
ShortText = Annotated[str, Field(max_length=200)]


class Hello(Header):
    """Worker: I am up, and this is the public half of my release key."""

    type: Literal["hello"] = "hello"
    v: Annotated[int, Field(ge=1, le=1)] = 1
    suite: ShortText
    public: Annotated[str, Field(max_length=4096)]


class Part(Header):
    """Supervisor: one piece, in the body."""

    type: Literal["part"] = "part"
    name: Annotated[PartName, Field(strict=False)]


class TreeFile(Header):
    """Either way: one file of the tree that is mounted at `mount`; its contents are the body."""

    type: Literal["file"] = "file"
    mount: GuestPath
    path: GuestPath


class Start(Header):
    """Supervisor: you have everything; go."""

    type: Literal["start"] = "start"
    sealed: bool
    # For a sealed module: the digest of the binding document that the release must answer.
    request: Annotated[str, Field(max_length=80)]
    arguments: Annotated[tuple[str, ...], Field(max_length=4096, strict=False)]
    environment: Annotated[dict[str, str], Field(max_length=256)]
    mounts: Annotated[tuple[GuestPath, ...], Field(max_length=64, strict=False)]


class Locked(Header):
    """Worker: the module is compiled and linked, I am locked down, the guest starts now."""

    type: Literal["locked"] = "locked"
    lockdown: dict[Literal["held", "missing"], dict[ShortText, ShortText]]
    engine: dict[ShortText, ShortText]
    grant: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    milliseconds: dict[ShortText, Counter]


class Output(Header):
    """Worker: the guest wrote the body to `stream`."""

    type: Literal["output"] = "output"
    stream: Literal["stdout", "stderr"]


class Done(Header):
    """Worker: the guest has ended, and so do I."""

    type: Literal["done"] = "done"
    # How it ended, by the engine's closed list; `exit_code` only if the guest chose one.
    ending: Code
    exit_code: Annotated[int, Field(ge=0, le=255)] | None
    detail: Detail
    usage: dict[Code, Counter]
    denials: Annotated[tuple[ShortText, ...], Field(max_length=limits.MAX_DENIALS, strict=False)]
    deterministic: bool


class Failed(Header):
    """Worker: I stop, and this is the code of the reason."""

    type: Literal["failed"] = "failed"
    code: Code
    detail: Detail


FromSupervisor = Part | TreeFile | Start
FromWorker = Hello | Locked | Output | TreeFile | Done | Failed

_SUPERVISOR: Mapping[str, type[FromSupervisor]] = {
    "part": Part,
    "file": TreeFile,
    "start": Start,
}
_WORKER: Mapping[str, type[FromWorker]] = {
    "hello": Hello,
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
    if isinstance(message, Part):
        return message, PART_BYTES.get(message.name, limits.MAX_DOCUMENT_BYTES)
    return message, limits.MAX_FILE_BYTES if isinstance(message, TreeFile) else 0


def from_worker(header: Mapping[str, Any]) -> tuple[FromWorker, int]:
    """Return a worker's message and how large its body may be, or raise `RunnerError`."""
    message = _parse(header, _WORKER)
    if isinstance(message, Output):
        return message, limits.MAX_OUTPUT_CHUNK_BYTES
    return message, limits.MAX_FILE_BYTES if isinstance(message, TreeFile) else 0


def _parse(header: Mapping[str, Any], kinds: Mapping[str, type[Message]]) -> Message:
    kind = kinds.get(str(header.get("type")))
    if kind is None:
        raise malformed("header has no known type")
    try:
        return kind.model_validate(header)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, e["loc"])) for e in error.errors()[:4])
        raise malformed(f"{header['type']} header is wrong at {where}") from error
