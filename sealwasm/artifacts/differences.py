"""What is different between two sealed modules, as far as it can be seen without keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from sealing.bill import AnyBill
    from sealing.oci.transfer import PulledDescription
    from sealing.signatures.statement import SealedModuleStatement


# Before the path of a member of the capability policy.
_CAPABILITY = "capability "


class Sides(NamedTuple):
    """One sealed module, and what its signed statement says."""

    found: PulledDescription
    statement: SealedModuleStatement
    signers: tuple[str, ...]


def differences(before: Sides, after: Sides) -> list[dict[str, Any]]:
    """Return every difference: `from` and `to` of one value, or what was `added` and `removed`.

    Empty means the same module under the same terms; its ciphertext may still be another.
    """
    return [
        *_facts(before, after),
        *_lists(before, after),
        *_capabilities(before.statement.capabilities, after.statement.capabilities),
    ]


def _facts(before: Sides, after: Sides) -> Iterator[dict[str, Any]]:
    pairs = zip(_values(before).items(), _values(after).values(), strict=True)
    for (what, old), new in pairs:
        if old != new:
            yield {"what": what, "from": old, "to": new}


def _values(side: Sides) -> dict[str, Any]:
    statement, manifest = side.statement, side.found.manifest
    bill = open_bill(statement)
    return {
        "module": statement.module,
        "version": statement.version,
        "owner": statement.owner,
        "policy": statement.policy,
        "brokers needed": statement.threshold,
        # The config names the plaintext by its digest: other bytes, other code.
        "code": manifest.config_digest,
        "bytes": manifest.layer_size,
        "bill of materials": "hidden" if bill is None else "public",
        "functions": bill and bill.functions,
        "data bytes": bill and bill.data.bytes,
    }


def open_bill(statement: SealedModuleStatement) -> AnyBill | None:
    """Return the bill of materials, unless its owner hides it."""
    from sealing.hidden_bill import HiddenBill

    return None if isinstance(statement.bill, HiddenBill) else statement.bill


def _lists(before: Sides, after: Sides) -> Iterator[dict[str, Any]]:
    for what, old in _named_lists(before).items():
        new = _named_lists(after)[what]
        if found := _changed(what, old, new):
            yield found


def _named_lists(side: Sides) -> dict[str, list[str]]:
    bill, statement = open_bill(side.statement), side.statement
    return {
        "imports": [f"{one.label} {one.type}" for one in bill.imports] if bill else [],
        "exports": [f"{one.name} {one.type}" for one in bill.exports] if bill else [],
        "memories": [_memory(one.minimum, one.maximum) for one in bill.memories] if bill else [],
        "brokers": list(statement.brokers),
        "recipients": list(statement.recipients),
        "signed by": list(side.signers),
    }


def _memory(minimum: int, maximum: int | None) -> str:
    return f"{minimum} to {'any number of' if maximum is None else maximum} pages"


def _changed(what: str, old: Iterable[str], new: Iterable[str]) -> dict[str, Any] | None:
    # Dictionaries keep the order; a module may have as many exports as its bill may list.
    before, after = dict.fromkeys(old), dict.fromkeys(new)
    added = [one for one in after if one not in before]
    removed = [one for one in before if one not in after]
    return {"what": what, "added": added, "removed": removed} if added or removed else None


def _capabilities(
    before: Mapping[str, Any], after: Mapping[str, Any], path: str = ""
) -> Iterator[dict[str, Any]]:
    """Compare two capability policies member by member; lists of texts by what is in them."""
    for key in [*before, *(key for key in after if key not in before)]:
        old, new, where = before.get(key), after.get(key), f"{path}.{key}" if path else key
        if old == new:
            continue
        # A member that is left out says what its default says: only what differs is shown.
        if _is_members(old) and _is_members(new) and (old or new):
            yield from _capabilities(old or {}, new or {}, where)
        elif _is_texts(old) and _is_texts(new):
            found = _changed(f"{_CAPABILITY}{where}", old or (), new or ())
            if found:
                yield found
        else:
            yield {"what": f"{_CAPABILITY}{where}", "from": old, "to": new}


def _is_members(value: Any) -> bool:
    return value is None or isinstance(value, Mapping)


def _is_texts(value: Any) -> bool:
    if value is None:
        return False
    return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)


def as_text(found: list[dict[str, Any]]) -> str:
    """Return differences as lines: `what: old -> new`, and `+` and `-` for lists."""
    lines = []
    for one in found:
        if "from" in one:
            old, new = (_shown(one["what"], one[side]) for side in ("from", "to"))
            lines.append(f"{one['what']}: {old} -> {new}")
            continue
        lines.append(f"{one['what']}:")
        lines += [f"  + {text}" for text in one["added"]]
        lines += [f"  - {text}" for text in one["removed"]]
    return "\n".join(lines)


def _shown(what: str, value: Any) -> str:
    import json

    from sealwasm.artifacts.policy_words import in_words

    if what.startswith(_CAPABILITY):
        return in_words(what.removeprefix(_CAPABILITY), value)
    return "nothing" if value is None else value if isinstance(value, str) else json.dumps(value)
