"""Reading, canonical form and signature of XML, apart from what manifests say in it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from attestation.errors import EvidenceError
from attestation.limits import MAX_RIM_BYTES
from attestation.signed_xml.canonical import canonicalize
from attestation.signed_xml.tree import find_all, parse_xml

# Every namespace is used where it is declared, so that both kinds of canonical form agree.
DOCUMENTS = {
    "plain": "<a/>",
    "text": "<a>one &amp; two &lt; three &gt; &quot; ' \n\ttab</a>",
    "attributes": '<a z="1" y="&lt;&amp;&quot;&#9;&#10;&#13; \'x" b="2"/>',
    "carriage-return": "<a>x&#13;y\r\nz</a>",
    "characters": "<a>&#x20AC; ü 𝄞</a>",
    "cdata": "<a>x<![CDATA[<b>&]]>y</a>",
    "namespaces": '<p:a xmlns:p="urn:p"><p:b p:y="1" x="2"/></p:a>',
    "default-namespace": '<a xmlns="urn:a"><b c="1"/></a>',
    "attribute-order": '<a xmlns:x="urn:b" xmlns:y="urn:a" x:k="1" y:k="2" k="3" a="4"/>',
    "declared-again": '<a xmlns="urn:a"><b xmlns="urn:a"><c xmlns="urn:c"/></b></a>',
    "empty-and-full": "<a><b></b><c/> <d>  </d></a>",
    "around": "\n <a/>\n ",
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_canonical_form_is_that_of_another_implementation(name: str) -> None:
    text = DOCUMENTS[name]
    assert canonicalize(parse_xml(text.encode())).decode() == ET.canonicalize(text)


def test_inclusive_form_declares_what_is_not_used() -> None:
    """W3C's example of a document subset: the apex gets what it inherits."""
    root = parse_xml(b'<a xmlns="urn:a" xmlns:n1="urn:1" xmlns:n2="urn:2"><b/><n1:c/></a>')
    (child,) = find_all(root, ("urn:a", "b"))
    assert canonicalize(child) == b'<b xmlns="urn:a" xmlns:n1="urn:1" xmlns:n2="urn:2"></b>'
    assert canonicalize(root) == (
        b'<a xmlns="urn:a" xmlns:n1="urn:1" xmlns:n2="urn:2"><b></b><n1:c></n1:c></a>'
    )


def test_a_child_can_be_left_out() -> None:
    root = parse_xml(b"<a>x<b>y</b>z</a>")
    (child,) = find_all(root, ("", "b"))
    assert canonicalize(root, without=child) == b"<a>xz</a>"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        b"<a></b>",
        b"<a/><b/>",
        b"\xef\xbb\xbf",
        b"<a>\xff</a>",
        b"<a>&nbsp;</a>",
        b"<a>&#0;</a>",
        b'<?xml version="1.1"?><a/>',
        b'<?xml version="1.0" encoding="UTF-16"?><a/>',
        b"<a b:c='1'/>",
        b"<a xmlns:b='urn:b' b:c:d='1'/>",
        b"<:a/>",
        b"<a :b='1'/>",
        b"<a xmlns:='urn:a'/>",
        b"<a xmlns:b:c='urn:a'/>",
        b"<a" + b" " * MAX_RIM_BYTES + b"/>",
    ],
    ids=lambda data: data[:24].decode("latin-1"),
)
def test_anything_else_is_malformed(data: bytes) -> None:
    with pytest.raises(EvidenceError, match="malformed"):
        parse_xml(data)


def test_long_text_comes_in_one_piece() -> None:
    text = b"x" * 100_000
    assert parse_xml(b"<a>" + text + b"</a>").text().encode() == text


def test_elements_and_text_do_not_mix() -> None:
    root = parse_xml(b"<a>x<b/></a>")
    with pytest.raises(EvidenceError, match="text inside"):
        list(root.elements())
    with pytest.raises(EvidenceError, match="element inside"):
        root.text()
