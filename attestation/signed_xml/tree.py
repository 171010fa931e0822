"""XML read strictly into a small tree: no document type, entities, comments or instructions.

What those could do (expand, hide, split text) is the ground of most attacks on signed XML, and no
signed manifest needs them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from attestation.limits import (
    MAX_RIM_BYTES,
    MAX_XML_ATTRIBUTES,
    MAX_XML_DEPTH,
    MAX_XML_ELEMENTS,
    MAX_XML_NAMESPACES,
)
from attestation.x509.der import malformed

# (namespace, local name)
Name = tuple[str, str]

_XMLNS: Final = "xmlns"


@dataclass(slots=True, eq=False)
class Element:
    """One element. `written` is its name as written, with the prefix; children are in order."""

    name: Name
    written: str
    attributes: Mapping[Name, str] = field(repr=False)
    # As written, without namespace declarations: prefix and all, for the canonical form.
    written_attributes: Mapping[Name, str] = field(repr=False)
    # All namespaces in scope by prefix; the default one has the empty prefix.
    scope: Mapping[str, str] = field(repr=False)
    children: list[Element | str] = field(default_factory=list, repr=False)

    def elements(self) -> Iterator[Element]:
        """Yield the child elements; raise `EvidenceError` for text between them."""
        for child in self.children:
            if isinstance(child, Element):
                yield child
            elif child.strip(" \t\n"):
                raise malformed(f"text inside of {self.written}")

    def text(self) -> str:
        """Return the text; raise `EvidenceError` if there is an element in it."""
        if any(isinstance(child, Element) for child in self.children):
            raise malformed(f"element inside of {self.written}")
        return "".join(map(str, self.children))


class _Builder:
    """What the parser calls. Anything unwanted is refused where it starts."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def start(self, written: str, listed: list[str]) -> None:
        self._count += 1
        if self._count > MAX_XML_ELEMENTS or len(self._open) == MAX_XML_DEPTH:
            raise malformed("XML has too many elements or nests too deep")
        if len(listed) > 2 * MAX_XML_ATTRIBUTES:
            raise malformed(f"{written} has more than {MAX_XML_ATTRIBUTES} attributes")
        parent = self._open[-1] if self._open else None
        element = _element(written, listed, parent)
        if parent is None:
            self.root = element
        else:
            parent.children.append(element)
        self._open.append(element)

    def end(self, _: str) -> None:
        self._open.pop()

    def data(self, text: str) -> None:
        children = self._open[-1].children
        # The parser gives text in pieces as it likes.
        if children and isinstance(children[-1], str):
            children[-1] += text
        else:
            children.append(text)


def parse_xml(data: bytes) -> Element:
    """Return the root element of a document in UTF-8.

    Raises `EvidenceError` `malformed` for anything but elements, attributes and text, for
    undeclared prefixes, `xml:` attributes, attributes that come twice, and over the limits.
    """
    if len(data) > MAX_RIM_BYTES:
        raise malformed(f"XML is {len(data)} bytes, limit {MAX_RIM_BYTES}")
    builder = _Builder()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse
    parser.CommentHandler = _refuse
    parser.ProcessingInstructionHandler = _refuse
    parser.XmlDeclHandler = _declaration
    try:
        parser.Parse(data, True)  # noqa: FBT003 - "this is all", in the words of expat
    except (expat.ExpatError, ValueError) as error:
        raise malformed("not XML") from error
    if builder.root is None:
        raise malformed("XML has no element")
    return builder.root


def _refuse(*_: object) -> None:
    raise malformed("XML has a document type, a comment or an instruction")


def _declaration(version: str, encoding: str | None, _: int) -> None:
    if version != "1.0" or (encoding or "utf-8").lower() != "utf-8":
        raise malformed("XML is not version 1.0 in UTF-8")


def _element(written: str, listed: list[str], parent: Element | None) -> Element:
    pairs = list(zip(listed[::2], listed[1::2], strict=True))
    scope = _scope(pairs, {} if parent is None else parent.scope)
    plain = [(name, value) for name, value in pairs if name.partition(":")[0] != _XMLNS]
    attributes: dict[Name, str] = {}
    names: dict[Name, str] = {}
    for name, value in plain:
        # An attribute without a prefix is in no namespace, whatever the default is.
        expanded = _expand(name, scope) if ":" in name else ("", name)
        if expanded in attributes:
            raise malformed(f"attribute {name} is there twice")
        attributes[expanded] = value
        names[expanded] = name
    return Element(_expand(written, scope), written, attributes, names, scope)


def _scope(pairs: list[tuple[str, str]], outer: Mapping[str, str]) -> Mapping[str, str]:
    """Return the namespaces in scope: the outer ones themselves where none is declared."""
    declared = {
        name.partition(":")[2]: value for name, value in pairs if name.partition(":")[0] == _XMLNS
    }
    # Undeclaring belongs to XML 1.1 or leads to names in no namespace: neither is needed.
    if not all(declared.values()) or declared.keys() & {"xml", _XMLNS}:
        raise malformed("namespace is empty or its prefix reserved")
    if any(name.endswith(":") or name.count(":") > 1 for name, _ in pairs):
        raise malformed("attribute's name is not a prefix and a local name")
    scope = {**outer, **declared} if declared else outer
    if len(scope) > MAX_XML_NAMESPACES:
        raise malformed(f"more than {MAX_XML_NAMESPACES} namespaces are in scope")
    return scope


def _expand(written: str, scope: Mapping[str, str]) -> Name:
    prefix, colon, local = written.partition(":")
    if not colon:
        prefix, local = "", written
    if prefix not in scope and prefix:
        raise malformed(f"prefix {prefix} was not declared")
    if not local or ":" in local or (colon and not prefix):
        raise malformed("name is not a prefix and a local name")
    return scope.get(prefix, ""), local


def find_all(root: Element, name: Name) -> list[Element]:
    """Return every element of that name at any depth, in document order."""
    found: list[Element] = []
    pending = [root]
    while pending:
        element = pending.pop()
        if element.name == name:
            found.append(element)
        pending += [one for one in reversed(element.children) if isinstance(one, Element)]
    return found
