"""Text of strangers on a terminal: nothing in it may move the cursor, hide, or pass for our lines.

Names in modules, answers of brokers and members of receipts are chosen by whoever made them.
"""

from __future__ import annotations

import json
from typing import Any


def one_line(text: str) -> str:
    """Return `text` with whatever is not printable, line breaks too, as a backslash escape."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def lines(text: str) -> str:
    """Return `text` with line breaks as they are and everything else as `one_line` writes it."""
    return "\n".join(one_line(line) for line in text.split("\n"))


def as_json(document: Any) -> str:
    """Return indented JSON in which every character that is not printable is escaped."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return "".join(
        character if character == "\n" or character.isprintable() else _json_escape(character)
        for character in text
    )


def as_yaml(document: Any) -> str:
    """Return YAML; all of it in ASCII if any character is not printable."""
    import yaml

    # Tuples, enums and texts of our own types become what JSON has.
    plain = json.loads(json.dumps(document))
    text: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    if not text.replace("\n", "").isprintable():
        text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=False)
    return text.rstrip()


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
