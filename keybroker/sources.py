"""Who asks, as far as rates care: the address of the peer, or the one a trusted proxy names.

A header is believed only from a proxy that the operator named, and only as far as named proxies
wrote it: from its right end to the first address that is none of them. What stands left of that
anybody could have sent.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from keybroker.limits import IPV6_SOURCE_BITS

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

X_FORWARDED_FOR: Final = "x-forwarded-for"
FORWARDED: Final = "forwarded"
# RFC 7239 section 4: name=value, the value a token or a quoted string; `;` joins the pairs of one
# hop, `,` ends it.
_PAIR = re.compile(
    r"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)="
    r'("(?:[^"\\]|\\.)*"|[^ \t;,"]*)[ \t]*(.|$)'
)
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")


def source_of(host: str) -> str:
    """Return what counts as one source: an IPv4 address, or the /64 network of an IPv6 one."""
    address = _parsed(host)
    if address is None:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, IPV6_SOURCE_BITS), strict=False))


@dataclass(frozen=True, slots=True)
class Sources:
    """Tells sources apart. Without proxies no header is read."""

    proxies: tuple[Network, ...] = ()
    header: str = X_FORWARDED_FOR

    def of(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the source of a request; one that a proxy does not name readably is the proxy."""
        if not self._is_proxy(peer):
            return source_of(peer)
        for hop in reversed(self._hops(headers)):
            address = _parsed(_without_port(hop))
            if address is None:
                break
            peer = str(address)
            if not self._is_proxy(peer):
                break
        return source_of(peer)

    def _is_proxy(self, host: str) -> bool:
        address = _parsed(host) if self.proxies else None
        return address is not None and any(address in network for network in self.proxies)

    def _hops(self, headers: Iterable[tuple[bytes, bytes]]) -> Sequence[str]:
        """Return the addresses in the header, the last proxy's own finding last."""
        wanted = self.header.encode("ascii")
        text = b",".join(value for name, value in headers if name.lower() == wanted)
        line = text.decode("latin-1")
        return line.split(",") if self.header == X_FORWARDED_FOR else _forwarded(line)


def _parsed(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def _without_port(hop: str) -> str:
    hop = hop.strip(" \t")
    found = _WITH_PORT.fullmatch(hop)
    return hop if found is None else found[1] or found[2]


def _forwarded(line: str) -> list[str]:
    """Return the `for` of each hop, empty where there is none; no hop at all of a broken line."""
    hops, named, position = list[str](), "", 0
    while position < len(line):
        found = _PAIR.match(line, position)
        if found is None or found[3] not in {"", ";", ","}:
            return []
        if found[1].lower() == "for":
            named = found[2].strip('"')
        if found[3] != ";":
            hops.append(named)
            named = ""
        position = found.end()
    # A proxy that ends the line with a comma has found nobody.
    return [*hops, ""] if line.endswith(",") else hops
