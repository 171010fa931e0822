"""The CNCF Wasm config of an artifact, in the one form this project writes.

Source: cncf/tag-runtime `wgs/wasm/deliverables/wasm-oci-artifact`, "Config".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

from sealing import canonical, limits
from sealing.bill import AnyBill, ComponentBill
from sealing.errors import SealError, SealRefusal

ARCHITECTURE: Final = "wasm"
OS: Final = "wasip1"
OS_OF_COMPONENTS: Final = "wasip2"
_MEMBERS: Final = ("architecture", "layerDigests", "os")


def os_of(bill: AnyBill) -> str:
    """Return which WASI a module is for: preview 1, or for components preview 2."""
    return OS_OF_COMPONENTS if isinstance(bill, ComponentBill) else OS


@dataclass(frozen=True, slots=True)
class ComponentNames:
    """What a component exports and imports: interfaces and functions by their WIT names."""

    exports: tuple[str, ...]
    imports: tuple[str, ...]

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Return the names in a config, or raise `SealError`."""
        found = canonical.members(value, ("exports", "imports"), "component")
        return cls(_names(found["exports"], "exports"), _names(found["imports"], "imports"))


@dataclass(frozen=True, slots=True)
class ModuleConfig:
    """What a layer is for. The digest is its plaintext's, or its own where that is hidden."""

    listed_digest: str
    component: ComponentNames | None = None

    @classmethod
    def of(cls, bill: AnyBill, digest: str) -> Self:
        """Return the config of a module with this bill and this digest."""
        if not isinstance(bill, ComponentBill):
            return cls(digest)
        exports, imports = ([one.name for one in each] for each in (bill.exports, bill.imports))
        return cls(digest, ComponentNames(tuple(exports), tuple(imports)))

    @classmethod
    def hiding(cls, layer_digest: str, os: str) -> Self:
        """Return a config that tells nothing but what has to be there."""
        return cls(layer_digest, ComponentNames((), ()) if os == OS_OF_COMPONENTS else None)

    @property
    def os(self) -> str:
        """Which WASI it is for, as `os_of` a bill."""
        return OS if self.component is None else OS_OF_COMPONENTS

    def to_bytes(self) -> bytes:
        """Return the canonical JSON of the config blob."""
        document: dict[str, Any] = {
            "architecture": ARCHITECTURE,
            "layerDigests": [self.listed_digest],
            "os": self.os,
        }
        if self.component is not None:
            document["component"] = {
                "exports": list(self.component.exports),
                "imports": list(self.component.imports),
            }
        return canonical.encode(document)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the config whose canonical form is `data`, or raise `SealError`."""
        what = "config"
        value = canonical.parse_canonical(data, limit_bytes=limits.CONFIG_BYTES, what=what)
        is_component = isinstance(value, dict) and value.get("os") == OS_OF_COMPONENTS
        members = ("component", *_MEMBERS) if is_component else _MEMBERS
        value = canonical.members(value, members, what)
        if value["architecture"] != ARCHITECTURE or value["os"] not in (OS, OS_OF_COMPONENTS):
            detail = f"expected {ARCHITECTURE} on {OS} or {OS_OF_COMPONENTS}"
            raise SealError(SealRefusal.PLATFORM, detail)
        digests = value["layerDigests"]
        if not isinstance(digests, list) or len(digests) != 1:
            raise SealError(SealRefusal.LAYER_COUNT, "config does not list exactly one layer")
        digest = canonical.parse_digest(digests[0], what="layerDigests")
        return cls(digest, ComponentNames.parse(value["component"]) if is_component else None)


def _names(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise canonical.malformed(what, "not a list")
    return tuple(canonical.text(name, what) for name in value)
