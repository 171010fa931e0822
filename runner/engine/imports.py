"""Before anything runs: does this host have what a module imports, and is all of it granted?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from runner.engine.types import Export, Import
from runner.errors import RunnerCode, RunnerError
from runner.limits import MAX_NAME_CHARACTERS, MAX_NAMES_SHOWN
from runner.printable import printable
from runner.wasi.abi import MODULE
from runner.wasi.table import ABSENT, FUNCTIONS, SIGNATURES

ENTRYPOINT: Final = "_start"
MEMORY_EXPORT: Final = "memory"
_VALUES: Final = {"i": "i32", "I": "i64"}


def require_imports(
    imports: Sequence[Import], granted: frozenset[tuple[str, str]], *, audit: bool
) -> None:
    """Raise `RunnerError` unless the host has every import, of that type, and each is granted.

    All offending imports are named at once. With `audit` a function that this host has need not be
    granted; it is linked as one that records the call and refuses.
    """
    unknown = [item for item in imports if not _is_known(item)]
    known = [item for item in imports if _is_known(item)]
    _refuse(RunnerCode.IMPORT_UNKNOWN, "this runner does not have", unknown, _why_unknown)
    mismatched = [item for item in known if item.type != wasi_type(item.name)]
    _refuse(RunnerCode.IMPORT_MISMATCH, "not of the type that WASI gives them", mismatched, _types)
    missing = [item for item in known if not audit and (item.module, item.name) not in granted]
    _refuse(RunnerCode.IMPORT_NOT_GRANTED, "not granted", missing, _no_note)


def require_entrypoint(exports: Iterable[Export]) -> None:
    """Raise `RunnerError` unless the module is a command: it exports `_start` without arguments."""
    types = {item.name: (item.kind, item.parameters, item.results) for item in exports}
    if types.get(ENTRYPOINT) != ("function", (), ()):
        detail = f"the module does not export {ENTRYPOINT} as a function without arguments"
        if "_initialize" in types:
            detail += "; it is a reactor (it exports _initialize), which cannot be run as a command"
        raise RunnerError(RunnerCode.ENTRYPOINT_MISSING, detail)


def has_memory(exports: Iterable[Export]) -> bool:
    """Whether the module shows its memory to the host."""
    return any(item.name == MEMORY_EXPORT and item.kind == "memory" for item in exports)


def wasi_type(name: str) -> str:
    """The type of a WASI function as `Import.type` writes it."""
    parameters = ", ".join(_VALUES[letter] for letter in SIGNATURES[name])
    return f"({parameters}) -> ({'' if name == 'proc_exit' else 'i32'})"


def grant_lines(labels: Iterable[str]) -> str:
    """The lines of a capability policy that grant these imports."""
    return "\n".join(["spec:", "  imports:", *(f"    - {label}" for label in sorted(set(labels)))])


def _is_known(item: Import) -> bool:
    return item.module == MODULE and item.kind == "function" and item.name in FUNCTIONS


def _why_unknown(item: Import) -> str:
    if item.module == MODULE and item.name in ABSENT:
        return ABSENT[item.name]
    if item.kind != "function":
        return f"a {item.kind}"
    return f"only {MODULE} is here" if item.module != MODULE else "no such function"


def _types(item: Import) -> str:
    return f"got {item.type}, expected {wasi_type(item.name)}"


def _no_note(_item: Import) -> str:
    return ""


def _refuse(
    code: RunnerCode, what: str, items: Sequence[Import], note: Callable[[Import], str]
) -> None:
    if not items:
        return
    notes = {printable(item.label, MAX_NAME_CHARACTERS): note(item) for item in items}
    shown = [f"{label} ({text})" if text else label for label, text in notes.items()]
    named = ", ".join(shown[:MAX_NAMES_SHOWN])
    if len(shown) > MAX_NAMES_SHOWN:
        named += f" and {len(shown) - MAX_NAMES_SHOWN} more"
    remedy = grant_lines(notes) if code is RunnerCode.IMPORT_NOT_GRANTED else ""
    raise RunnerError(code, f"imports {what}: {named}", remedy)
