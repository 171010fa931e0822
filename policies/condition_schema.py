"""The JSON Schema of conditions on claims, in both spellings: `tcb.launch.snp` and nested."""

from __future__ import annotations

from typing import Any

from policies import limits
from policies.claims import CLAIMS, Claim, ClaimKind
from policies.conditions import BECAUSE, VERSION_PATTERN, hex_pattern
from policies.operators import LISTS, OPERATORS, Operator

_MARK = "x-condition"


def _value(claim: Claim) -> dict[str, Any]:
    """The schema of one expected value."""
    schemas: dict[ClaimKind, dict[str, Any]] = {
        ClaimKind.BOOLEAN: {"type": "boolean"},
        ClaimKind.INTEGER: {"type": "integer"},
        ClaimKind.HEX: {"type": "string", "pattern": f"^{hex_pattern(claim)}$"},
        ClaimKind.CHOICE: {"type": "string", "enum": list(claim.choices)},
        ClaimKind.VERSION: {"type": "string", "pattern": f"^{VERSION_PATTERN}$"},
        ClaimKind.TEXT: {"type": "string", "maxLength": limits.MAX_CLAIM_TEXT_CHARACTERS},
    }
    return schemas[claim.kind]


def _operator(claim: Claim, operator: Operator) -> dict[str, Any]:
    if operator is Operator.EXISTS:
        return {"type": "boolean"}
    if operator is Operator.MATCHES:
        return {"type": "string", "minLength": 1, "maxLength": limits.MAX_PATTERN_CHARACTERS}
    if operator in LISTS:
        return {
            "type": "array",
            "items": _value(claim),
            "minItems": 1,
            "maxItems": limits.MAX_VALUES,
            "uniqueItems": True,
        }
    return _value(claim)


def _definition_name(claim: Claim) -> str:
    """Claims of one type share a definition; choices are per claim."""
    detail = "-".join(map(str, claim.sizes)) if claim.sizes else claim.name if claim.choices else ""
    return "-".join(part for part in ("condition", claim.kind.value, detail) if part)


def _definition(claim: Claim) -> dict[str, Any]:
    operators = sorted(OPERATORS[claim.kind])
    properties = {operator.value: _operator(claim, operator) for operator in operators}
    reason = {"type": "string", "maxLength": limits.MAX_DESCRIPTION_CHARACTERS}
    return {
        "type": "object",
        "properties": properties | {BECAUSE: reason},
        "anyOf": [{"required": [operator.value]} for operator in operators],
        "additionalProperties": False,
    }


def condition_definitions() -> dict[str, Any]:
    """The definitions that `resolve` points to, by name."""
    return {_definition_name(claim): _definition(claim) for claim in CLAIMS.values()}


def resolve(schema: Any) -> Any:
    """`schema` with every marked condition pointing to its definition.

    Pydantic follows the references it meets while it builds a schema, and knows only its own.
    """
    if isinstance(schema, list):
        return [resolve(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    resolved = {key: resolve(value) for key, value in schema.items() if key != _MARK}
    if _MARK in schema:
        resolved["$ref"] = f"#/$defs/{schema[_MARK]}"
    return resolved


def condition_properties(prefix: str = "") -> dict[str, Any]:
    """One property per claim below `prefix`, under its dotted name and, nested, per part."""
    names = [name.removeprefix(prefix) for name in CLAIMS if name.startswith(prefix)]
    properties: dict[str, Any] = {}
    for name in names:
        claim = CLAIMS[prefix + name]
        properties[name] = {_MARK: _definition_name(claim), "description": claim.about}
    for group in sorted({name.partition(".")[0] for name in names if "." in name}):
        properties[group] = {
            "type": "object",
            "properties": condition_properties(f"{prefix}{group}."),
            "additionalProperties": False,
        }
    return properties


def conditions_schema() -> dict[str, Any]:
    """The schema of a mapping of claims to conditions."""
    return {"type": "object", "properties": condition_properties(), "additionalProperties": False}
