"""Writes `policies/schema/*.json` and the tables of `policies/README.md` from the models.

`python tools/generate_schemas.py`; a test compares the committed files with what it would write.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from policies.claims import CLAIMS, CLAIMS_OF  # noqa: E402  after the path is set
from policies.help import HELP  # noqa: E402
from policies.schema import schema, schema_files  # noqa: E402
from policies.wasi import NEEDS  # noqa: E402

README = ROOT / "policies" / "README.md"
BEGIN, END = "<!-- generated: {} -->\n", "<!-- end: {} -->\n"
KINDS = ("CapabilityPolicy", "ReleasePolicy", "Guardrails")


def _rows(model: str, prefix: str, definitions: dict, body: dict) -> Iterator[str]:
    """One line per key of a model and of the models below it, as paths from the top."""
    for key, member in body["properties"].items():
        text = HELP.get(f"{model}.{key}")
        if text is None:  # a claim: they have a table of their own
            continue
        path = f"{prefix}{key}"
        default = member.get("default", "")
        shown = default if isinstance(default, str | int) and default != "" else ""
        yield f"| `{path}` | {text} | {str(shown).lower() if isinstance(shown, bool) else shown} |"
        below, suffix = member, "."
        for _ in range(2):
            if "items" in below:
                below, suffix = below["items"], "[]."
            elif "additionalProperties" in below and isinstance(
                below["additionalProperties"], dict
            ):
                below, suffix = below["additionalProperties"], ".NAME."
            elif "patternProperties" in below:
                below, suffix = next(iter(below["patternProperties"].values())), ".NAME."
        if "$ref" in below:
            name = below["$ref"].rpartition("/")[2]
            yield from _rows(name, f"{path}{suffix}", definitions, definitions[name])


def field_table(kind: str) -> str:
    """Every key of one kind of document."""
    body = schema(kind)
    lines = ["| key | meaning | default |", "|---|---|---|"]
    return "\n".join([*lines, *_rows(kind, "", body["$defs"], body)]) + "\n"


def _tees_of(name: str) -> str:
    having = [tee for tee, claims in CLAIMS_OF.items() if name in claims]
    return "all" if len(having) == len(CLAIMS_OF) else " ".join(having)


def claim_table() -> str:
    """Every claim a condition may name."""
    lines = ["| claim | type | says | from | with |", "|---|---|---|---|---|"]
    for claim in CLAIMS.values():
        kind = (
            f"{claim.kind}, {' or '.join(map(str, claim.sizes))} bytes"
            if claim.sizes
            else str(claim.kind)
        )
        kind = " ".join(f"`{choice}`" for choice in claim.choices) or kind
        lines.append(
            f"| `{claim.name}` | {kind} | {claim.about} | {claim.source} | {_tees_of(claim.name)} |"
        )
    return "\n".join(lines) + "\n"


def import_table() -> str:
    """WASI functions by what they draw on."""
    lines = ["| draws on | functions of `wasi_snapshot_preview1` |", "|---|---|"]
    for need in sorted(set(NEEDS.values())):
        names = ", ".join(f"`{name}`" for name, member in NEEDS.items() if member == need)
        lines.append(f"| {f'`spec.{need}`' if need else 'nothing'} | {names} |")
    return "\n".join(lines) + "\n"


def readme(text: str) -> str:
    """The README with its tables made anew; every word outside them stays."""
    tables = {kind: field_table(kind) for kind in KINDS}
    tables |= {"claims": claim_table(), "imports": import_table()}
    for name, table in tables.items():
        head, begin, rest = text.partition(BEGIN.format(name))
        _, end, tail = rest.partition(END.format(name))
        text = f"{head}{begin}\n{table}\n{end}{tail}"
    return text


def main() -> None:
    """Write every schema and the README."""
    folder = ROOT / "policies" / "schema"
    for name, text in schema_files().items():
        (folder / name).write_text(text, encoding="utf-8")
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
