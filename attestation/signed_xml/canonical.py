"""Canonical XML 1.1 (W3C, 2 May 2008), inclusive and without comments, for trees of `tree`.

Those trees have no comments, instructions, default attributes or `xml:` attributes, which leaves
the order of attributes and namespaces and the escapes of sections 2.3 and 1.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attestation.signed_xml.tree import Element

_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_VALUE: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
)


def canonicalize(apex: Element, *, without: Element | None = None) -> bytes:
    """Return the canonical form of `apex` and what is in it, but not of the element `without`.

    Namespaces that the apex inherits are declared in it, as the inclusive form demands.
    """
    pieces: list[str] = []
    _write(apex, {}, without, pieces)
    return "".join(pieces).encode("utf-8")


def _write(
    element: Element, declared: Mapping[str, str], without: Element | None, pieces: list[str]
) -> None:
    pieces.append(f"<{element.written}")
    for prefix, namespace in sorted(element.scope.items() - declared.items()):
        xmlns = f"xmlns:{prefix}" if prefix else "xmlns"
        pieces.append(f' {xmlns}="{namespace.translate(_VALUE)}"')
    for name in sorted(element.attributes):
        value = element.attributes[name].translate(_VALUE)
        pieces.append(f' {element.written_attributes[name]}="{value}"')
    pieces.append(">")
    # Recursion ends at the depth that the parser allows.
    for child in element.children:
        if isinstance(child, str):
            pieces.append(child.translate(_TEXT))
        elif child is not without:
            _write(child, element.scope, without, pieces)
    pieces.append(f"</{element.written}>")
