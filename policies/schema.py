"""JSON Schemas of the three kinds of document, for editors and for checks outside Python.

A schema knows shapes, types, bounds and patterns. What only a reader of the whole document can see
(contradictions, repeated names, a missing measurement) is found by `policies.load` alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from policies.condition_schema import condition_definitions, resolve
from policies.help import HELP
from policies.load import KINDS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NULL: Final = {"type": "null"}


def _tidy(schema: Any) -> Any:
    """Without generated titles and without null: a document leaves out what it does not say.

    Without defaults of lists and mappings too: editors would write them, and some may not be empty.
    """
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {
        key: _tidy(value)
        for key, value in schema.items()
        if value is not None
        and not (key == "title" and isinstance(value, str))
        and not (key == "default" and isinstance(value, dict | list))
    }
    options = tidy.get("anyOf")
    if isinstance(options, list) and _NULL in options:
        options.remove(_NULL)
        if len(options) == 1:
            return {key: value for key, value in tidy.items() if key != "anyOf"} | options[0]
    return tidy


def _describe(model: str, schema: dict[str, Any]) -> None:
    for key, member in schema.get("properties", {}).items():
        if text := HELP.get(f"{model}.{key}"):
            member["description"] = text


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of one kind of document."""
    body: dict[str, Any] = _tidy(KINDS[kind].model_json_schema(by_alias=True, mode="validation"))
    _describe(kind, body)
    for model, definition in body["$defs"].items():
        _describe(model, definition)
    body = resolve(body)
    if kind != "CapabilityPolicy":
        body["$defs"] |= condition_definitions()
    return {"$schema": DIALECT, "$id": f"urn:sealwasm:schema:v1:{kind}"} | body


def schema_files() -> Mapping[str, str]:
    """File name and text of every schema, as committed in `policies/schema/`."""
    return {
        f"{kind}.json": json.dumps(schema(kind), indent=2, sort_keys=True) + "\n" for kind in KINDS
    }
