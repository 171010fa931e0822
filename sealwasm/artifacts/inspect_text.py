"""What `inspect` found, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sealing.errors import SealRefusal

PAGE_KIB = 64

Row = tuple[str, object]


def rows_of(document: dict[str, Any]) -> list[Row]:
    """Return names and values, the whole document in the order in which people ask."""
    rows = [*_artifact(document)] if document["sealed"] else [*_file(document)]
    return [*rows, *_bill(document["bill"]), *(("hidden", what) for what in document["hidden"])]


def _file(document: dict[str, Any]) -> Iterator[Row]:
    yield "file", document["file"]
    yield "sealed", "no"
    yield "plaintext", f"{document['bytes']} bytes, {document['digest']}"


def _artifact(document: dict[str, Any]) -> Iterator[Row]:
    yield "reference", document["reference"]
    yield "manifest", document["manifest"]
    verified = document["verified"]
    yield "verified", "signed by an owner you named" if verified else "no; --owner FILE does that"
    yield from _said(document["signatures"], "" if verified else " (not verified)")
    for one in document["foreign_signatures"]:
        if one["why"] == SealRefusal.STATEMENT_TYPE.value:
            yield "also attached", f"{one['digest']}; sealwasm verify says what it is and whose"
        else:
            yield "foreign signature", f"{one['digest']} ({one['why']})"
    yield "shape", document["shape"]
    layer = document["layer"]
    yield "ciphertext", f"{layer['bytes']} bytes, {layer['digest']}"
    for one in document["holders"]:
        yield "opens with", _holder(one)
    for text in document["warnings"]:
        yield "warning", text


def _said(signatures: list[dict[str, Any]], doubt: str) -> Iterator[Row]:
    """Tell what owners say, once if they say the same, and who says it."""
    names = ("module", "version", "created", "policy")
    said = {tuple(one[name] for name in names): one for one in signatures}
    for same, one in said.items():
        yield "module", one["module"]
        yield "version", one["version"]
        yield "sealed", one["created"]
        yield "policy", one["policy"]
        for other in signatures:
            if tuple(other[name] for name in names) == same:
                yield "signed by", other["key_hint"] + doubt


def _holder(holder: dict[str, Any]) -> str:
    if holder["kind"] not in ("broker", "recovery"):
        return f"{holder['kind']} key, past every broker"
    if holder["kind"] == "recovery":
        return f"the owner's recovery key {holder['key']} ({holder['suite']})"
    text = f"broker {holder['broker']} ({holder['suite']})"
    if share := holder.get("share"):
        text += f", share {share['index']} of {share['of']}, {share['threshold']} needed"
    return text


def _bill(bill: dict[str, Any]) -> Iterator[Row]:
    if not bill:
        return
    is_component = bill["kind"] == "component"
    yield "kind", "component (WIT world below)" if is_component else "core module"
    modules = bill["modules"] if is_component else [bill]
    yield "functions", sum(module["functions"] for module in modules)
    yield "data bytes", sum(module["data"]["bytes"] for module in modules)
    for module in modules:
        yield from (("memory", _memory(memory)) for memory in module["memories"])
        yield from (("table", _table(table)) for table in module["tables"])
    for one in bill["producers"]:
        yield "made with", " ".join((one["field"], one["name"], one["version"])).rstrip()
    for one in bill["imports"]:
        yield "import", _wit(one) if is_component else f"{one['module']}.{one['name']}"
    for one in bill["exports"]:
        yield "export", _wit(one) if is_component else one["name"]


def _memory(memory: dict[str, Any]) -> str:
    least, most = memory["minimum"], memory["maximum"]
    if most is None:
        return f"{least * PAGE_KIB} KiB, and no maximum"
    size = f"{least * PAGE_KIB}"
    return f"{size} KiB" if least == most else f"{size} to {most * PAGE_KIB} KiB"


def _table(table: dict[str, Any]) -> str:
    least, most = table["minimum"], table["maximum"]
    if most is None:
        return f"{least} of {table['element']}, and no maximum"
    return f"{least if least == most else f'{least} to {most}'} of {table['element']}"


def _wit(item: dict[str, Any]) -> str:
    if item["kind"] != "instance":
        return f"{item['name']}: {item['type']}"
    functions = sum(one["kind"] == "func" for one in item["members"])
    return f"{item['name']} ({functions} functions)"
