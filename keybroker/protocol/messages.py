"""What every wire message has in common: one form, strict members, and a bound on bad input.

Refusing must be cheap: whoever has no key yet may send anything. A message is refused at its first
unknown member, lists and maps are counted before their items are looked at, and a validation that
failed reports its first errors only.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from sealing import canonical, names
from sealing.errors import SealError

MAX_SMALL_BYTES: Final = 64 * 1024
RECEIPT_KEY_BYTES: Final = 32
# No message has a list or map with more members.
MAX_MEMBERS: Final = 16
# What an ordered message has at most: a request for release with sixteen parts and signatures.
MAX_COMMAS: Final = 64
MAX_BRACKETS: Final = 8
_SHOWN_ERRORS: Final = 4


class ProtocolRefusal(StrEnum):
    """Stable codes for messages that are not what they must be."""

    MALFORMED = "message-malformed"
    WRONG_IDENTITY = "broker-identity-differs"
    BAD_SIGNATURE = "broker-signature-invalid"
    OTHER_REQUEST = "release-for-another-request"
    LEASE_EXPIRED = "release-lease-expired"


class ProtocolError(Exception):
    """A message was refused. `detail` is for the log of the side that read it."""

    def __init__(self, code: ProtocolRefusal, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


format_time = names.format_time


def parse_time(text: str) -> datetime:
    """Return the aware moment of an exact `format_time` text, or raise `ProtocolError`."""
    try:
        return names.parse_time(text, "time")
    except SealError as error:
        raise ProtocolError(ProtocolRefusal.MALFORMED, error.detail) from error


def _from_base64(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return canonical.b64decode(value, what="member")
    except SealError as error:
        raise ValueError("not canonical base64") from error


def _is_time(value: str) -> str:
    try:
        parse_time(value)
    except ProtocolError as error:
        raise ValueError(error.detail) from error
    return value


def _at_most_several(value: Any) -> Any:
    if isinstance(value, list | dict) and len(value) > MAX_MEMBERS:
        raise ValueError(f"more than {MAX_MEMBERS} members")
    return value


Base64 = Annotated[
    bytes,
    BeforeValidator(_from_base64),
    PlainSerializer(canonical.b64encode, return_type=str),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
Time = Annotated[
    str, AfterValidator(_is_time), WithJsonSchema({"type": "string", "format": "date-time"})
]
_WORD = r"[a-z0-9]+([._-][a-z0-9]+)*"
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
KeyId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{7,63}$")]
Name = Annotated[str, Field(max_length=200, pattern=rf"^{_WORD}(/{_WORD})*$")]
Version = Annotated[int, Field(ge=1, le=2**53 - 1)]
IdempotencyKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22,64}$")]
ChallengeToken = Annotated[str, Field(pattern=r"^[A-Za-z0-9._~+/=-]{16,1024}$")]
Nonce = Annotated[Base64, Field(min_length=32, max_length=32)]
ReceiptKey = Annotated[Base64, Field(min_length=RECEIPT_KEY_BYTES, max_length=RECEIPT_KEY_BYTES)]
# Not Literal[1]: that would take `true` for 1.
FormatVersion = Annotated[int, Field(ge=1, le=1)]
# One to sixteen members, counted before any is looked at; JSON arrays become tuples, which strict
# mode alone would refuse.
Several = (
    Field(min_length=1, max_length=MAX_MEMBERS, strict=False),
    BeforeValidator(_at_most_several),
)
Suite = Literal["mlkem768x25519-hkdfsha256-aes256gcm", "x25519-hkdfsha256-aes256gcm"]


class Message(BaseModel):
    """A frozen message with no unknown members, in one canonical form."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_member(cls, value: Any) -> Any:
        # Pydantic would make one error for each: a small body could ask for millions of them.
        if isinstance(value, dict) and not value.keys() <= cls.model_fields.keys():
            raise ValueError("unknown member")
        return value

    @classmethod
    def parse(cls, data: bytes, *, limit_bytes: int = MAX_SMALL_BYTES) -> Self:
        """Return the message in `data`, which must be canonical JSON, or raise `ProtocolError`."""
        try:
            return cls.model_validate(
                canonical.parse_canonical(data, limit_bytes=limit_bytes, what=cls.__name__)
            )
        except SealError as error:
            raise ProtocolError(ProtocolRefusal.MALFORMED, error.detail) from error
        except ValidationError as error:
            raise cls._malformed(error) from error

    @classmethod
    def _malformed(cls, error: ValidationError) -> ProtocolError:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        where = [f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in found]
        detail = f"{cls.__name__}: {', '.join(where[:_SHOWN_ERRORS])}"
        return ProtocolError(ProtocolRefusal.MALFORMED, detail)

    def to_document(self) -> dict[str, Any]:
        """Return the JSON values of this message; absent members are left out."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_bytes(self) -> bytes:
        """Return the only form of this message."""
        return canonical.encode(self.to_document())


class OrderedMessage(Message):
    """A message of text whose members are declared in order, so that pydantic writes RFC 8785.

    For what is read or written once per release: it takes a third of the time. Subclasses keep the
    order of members, at every depth; a test compares both forms.
    """

    @classmethod
    def parse(cls, data: bytes, *, limit_bytes: int = MAX_SMALL_BYTES) -> Self:
        """Return the message in `data`, which must be canonical JSON, or raise `ProtocolError`."""
        if len(data) > limit_bytes:
            detail = f"{cls.__name__} is {len(data)} bytes, limit {limit_bytes}"
            raise ProtocolError(ProtocolRefusal.MALFORMED, detail)
        # Counted before anything is built: a member more than there can be, or a deeper one.
        if data.count(b",") > MAX_COMMAS or data.count(b"[") + data.count(b"{") > MAX_BRACKETS:
            raise ProtocolError(ProtocolRefusal.MALFORMED, f"{cls.__name__} has too many values")
        try:
            message = cls.model_validate_json(data)
        except ValidationError as error:
            raise cls._malformed(error) from error
        # Whatever is not in its only form comes back as other bytes: spaces, another order, a
        # repeated member, another way to write a character.
        if message.to_bytes() != data:
            detail = f"{cls.__name__} is not RFC 8785 canonical JSON"
            raise ProtocolError(ProtocolRefusal.MALFORMED, detail)
        return message

    def to_bytes(self) -> bytes:
        """Return the only form of this message."""
        return self.model_dump_json().encode()
