"""The key envelope: a content key or a share of one, sealed to one holder, bound to one artifact.

The holder is a broker, or the owner's own recovery key, which stays offline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from sealing import canonical, hpke, limits, names
from sealing.errors import SealError, SealRefusal
from sealing.hpke import OpeningKey, SealingKey
from sealing.ocicrypt import PrivateOptions

VERSION: Final = 1
_INFO: Final = b"sealwasm/envelope/v1\0"
_CONTEXT: Final = ("module", "version", "owner", "policy", "capabilities", "config", "layer")
_MEMBERS: Final = ("v", "suite", "key", "context", "sealed")
_SHARE: Final = ("set", "index", "threshold", "of", "commitment")
_SET_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class EnvelopeContext:
    """What the content key is for. It goes into HPKE `info`, so another context opens nothing."""

    module: str
    version: int
    owner: str
    policy: str
    capabilities: str
    config: str
    layer: str

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object of the context."""
        return {name: getattr(self, name) for name in _CONTEXT}

    @classmethod
    def from_document(cls, value: Any) -> Self:
        """Return the context in a JSON object with exactly these members, or raise `SealError`."""
        found = canonical.members(value, _CONTEXT, "envelope context")
        return cls(
            names.parse_name(found["module"], "module name"),
            names.parse_version(found["version"], "module version"),
            names.parse_key_id(found["owner"], "owner"),
            names.parse_name(found["policy"], "policy name"),
            canonical.parse_digest(found["capabilities"], what="capabilities digest"),
            canonical.parse_digest(found["config"], what="config digest"),
            canonical.parse_digest(found["layer"], what="layer digest"),
        )

    def require_equal(self, expected: EnvelopeContext) -> None:
        """Accept only `expected`, or raise `SealError` naming the first field that differs."""
        for name in _CONTEXT:
            if getattr(self, name) != getattr(expected, name):
                raise SealError(SealRefusal.CONTEXT_MISMATCH, f"envelope is for another {name}")


@dataclass(frozen=True, slots=True)
class ShareHeader:
    """Which share of a split content key an envelope holds. `commitment` is to the share itself."""

    set: str
    index: int
    threshold: int
    of: int
    commitment: str

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object of the header."""
        return {name: getattr(self, name) for name in _SHARE}

    @classmethod
    def from_document(cls, value: Any) -> Self:
        """Return the header in a JSON object, or raise `SealError`.

        A threshold of one is refused: every broker alone would have the key.
        """
        what = "envelope share"
        found = canonical.members(value, _SHARE, what)
        name = canonical.text(found["set"], f"{what} set")
        if not _SET_ID.fullmatch(name):
            raise canonical.malformed(f"{what} set", "not 32 lower hexadecimal digits")
        for member in ("index", "threshold", "of"):
            canonical.whole(found[member], f"{what} {member}", least=1, most=limits.ENVELOPES)
        if not 2 <= found["threshold"] <= found["of"]:
            detail = f"{found['threshold']} of {found['of']} is not a split, expected 2 or more"
            raise SealError(SealRefusal.SHARE_THRESHOLD, detail)
        if found["index"] > found["of"]:
            raise canonical.malformed(f"{what} index", f"above {found['of']}")
        commitment = canonical.parse_digest(found["commitment"], what=f"{what} commitment")
        return cls(name, found["index"], found["threshold"], found["of"], commitment)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sealed content key. Anybody can make one; the owner signature says which to believe."""

    v: int
    suite: str
    # The identity of the broker; None where the holder is the owner's recovery key.
    broker: str | None
    key: str
    context: EnvelopeContext
    share: ShareHeader | None = None
    sealed: bytes = field(default=b"", repr=False)

    @property
    def is_recovery(self) -> bool:
        """Whether it is for the owner's own offline key and no broker's."""
        return self.broker is None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the envelope whose canonical form is `data`, or raise `SealError`.

        Opens nothing and compares the context with nothing.
        """
        what = "envelope"
        value = canonical.parse_canonical(data, limit_bytes=limits.ENVELOPE_BYTES, what=what)
        value = canonical.members(value, _members_of(value), what)
        if type(value["v"]) is not int or value["v"] != VERSION:
            raise SealError(SealRefusal.ENVELOPE_VERSION, f"expected envelope version {VERSION}")
        if value["suite"] not in hpke.SUITES:
            raise SealError(SealRefusal.SUITE_UNKNOWN, f"expected one of {hpke.SUITES}")
        if value.get("recovery", True) is not True:
            raise canonical.malformed(what, "recovery is not true")
        broker, share = value.get("broker"), value.get("share")
        return cls(
            VERSION,
            value["suite"],
            None if "recovery" in value else names.parse_key_id(broker, "broker identity"),
            names.parse_key_id(value["key"], "broker sealing key"),
            EnvelopeContext.from_document(value["context"]),
            ShareHeader.from_document(share) if "share" in value else None,
            canonical.b64decode(value["sealed"], what="sealed key"),
        )

    def _header(self) -> dict[str, Any]:
        holder = {"recovery": True} if self.broker is None else {"broker": self.broker}
        share = {} if self.share is None else {"share": self.share.to_document()}
        return {
            "v": self.v,
            "suite": self.suite,
            "key": self.key,
            "context": self.context.to_document(),
            **holder,
            **share,
        }

    def to_bytes(self) -> bytes:
        """Return the canonical form."""
        return canonical.encode(self._header() | {"sealed": canonical.b64encode(self.sealed)})

    @property
    def info(self) -> bytes:
        """The HPKE `info`: a label, a zero byte and all of the envelope but the sealed key."""
        return _INFO + canonical.encode(self._header())

    @property
    def digest(self) -> str:
        """The digest of the canonical form, as the owner's statement lists it."""
        return canonical.digest_of(self.to_bytes())


def _members_of(value: Any) -> tuple[str, ...]:
    """Return the members an envelope of this kind has: its holder, and a share if it names one."""
    if isinstance(value, dict) and "recovery" in value:
        return (*_MEMBERS, "recovery")
    if isinstance(value, dict) and "share" in value:
        return (*_MEMBERS, "broker", "share")
    return (*_MEMBERS, "broker")


def seal_envelope(
    secret: bytes,
    *,
    broker: str | None,
    key: SealingKey,
    context: EnvelopeContext,
    share: ShareHeader | None = None,
) -> Envelope:
    """Return an envelope only the holder of `key`'s private half can open.

    `secret` is the private options or, with `share`, that share of them. Without a `broker` the
    holder is the owner's recovery key. Raises `SealError` for a key that nothing can be sealed to.
    """
    head = Envelope(VERSION, key.suite, broker, key.key_id, context, share)
    return replace(head, sealed=key.seal(secret, info=head.info))


def open_envelope(envelope: Envelope, key: OpeningKey) -> PrivateOptions:
    """Return the whole content key in `envelope`, or raise `SealError`.

    Proves that whoever sealed it named exactly this context. Does not prove who that was, and does
    not compare the context with the manifest, the signature or a request: the caller does.
    """
    if envelope.share is not None:
        raise SealError(SealRefusal.ENVELOPE_NOT_OPENED, "envelope holds a share, not a whole key")
    return PrivateOptions.parse(open_secret(envelope, key))


def open_secret(envelope: Envelope, key: OpeningKey) -> bytes:
    """Return what `envelope` holds, unparsed: private options, or a share of them.

    Raises `SealError` as `open_envelope` does, and promises no more.
    """
    if (envelope.suite, envelope.key) != (key.suite, key.public.key_id):
        detail = f"envelope is for key {envelope.key[:16]}, this is {key.public.key_id[:16]}"
        raise SealError(SealRefusal.ENVELOPE_NOT_OPENED, detail)
    return key.open(envelope.sealed, info=envelope.info)
