"""The key envelope: ocicrypt's private options, sealed to one broker and bound to one artifact."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Self

from sealing import canonical, hpke, limits, names
from sealing.errors import SealError, SealRefusal
from sealing.hpke import OpeningKey, SealingKey
from sealing.ocicrypt import PrivateOptions

VERSION: Final = 1
_INFO: Final = b"sealwasm/envelope/v1\0"
_CONTEXT: Final = ("module", "version", "owner", "policy", "capabilities", "config", "layer")
_MEMBERS: Final = ("v", "suite", "broker", "key", "context", "sealed")


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
class Envelope:
    """A sealed content key. Anybody can make one; the owner signature says which to believe."""

    v: int
    suite: str
    broker: str
    key: str
    context: EnvelopeContext
    sealed: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the envelope whose canonical form is `data`, or raise `SealError`.

        Opens nothing and compares the context with nothing.
        """
        what = "envelope"
        value = canonical.parse_canonical(data, limit_bytes=limits.ENVELOPE_BYTES, what=what)
        value = canonical.members(value, _MEMBERS, what)
        if type(value["v"]) is not int or value["v"] != VERSION:
            raise SealError(SealRefusal.ENVELOPE_VERSION, f"expected envelope version {VERSION}")
        if value["suite"] not in hpke.SUITES:
            raise SealError(SealRefusal.SUITE_UNKNOWN, f"expected one of {hpke.SUITES}")
        return cls(
            VERSION,
            value["suite"],
            names.parse_key_id(value["broker"], "broker identity"),
            names.parse_key_id(value["key"], "broker sealing key"),
            EnvelopeContext.from_document(value["context"]),
            canonical.b64decode(value["sealed"], what="sealed key"),
        )

    def _header(self) -> dict[str, Any]:
        return {
            "v": self.v,
            "suite": self.suite,
            "broker": self.broker,
            "key": self.key,
            "context": self.context.to_document(),
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


def seal_envelope(
    options: PrivateOptions,
    broker_identity: str,
    broker_key: SealingKey,
    context: EnvelopeContext,
) -> Envelope:
    """Return an envelope only the holder of `broker_key`'s private half can open."""
    broker = names.parse_key_id(broker_identity, "broker identity")
    head = Envelope(VERSION, broker_key.suite, broker, broker_key.key_id, context, b"")
    sealed = broker_key.seal(options.to_json(), info=head.info)
    return Envelope(head.v, head.suite, head.broker, head.key, context, sealed)


def open_envelope(envelope: Envelope, key: OpeningKey) -> PrivateOptions:
    """Return the content key in `envelope`, or raise `SealError`.

    Proves that whoever sealed it named exactly this context. Does not prove who that was, and does
    not compare the context with the manifest, the signature or a request: the caller does.
    """
    if (envelope.suite, envelope.key) != (key.suite, key.public.key_id):
        detail = f"envelope is for key {envelope.key[:16]}, this is {key.public.key_id[:16]}"
        raise SealError(SealRefusal.ENVELOPE_NOT_OPENED, detail)
    return PrivateOptions.parse(key.open(envelope.sealed, info=envelope.info))
