"""Writes the smallest capability policy with which a module of given imports can start and speak.

Grants every import by name, arguments if it reads them, 1 MiB of output if it writes, and a coarse
clock or real randomness if it links them. Files, stdin and environment stay closed: an import does
not say which. Each stands in the draft as a comment to complete.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from policies.errors import PolicyError, PolicyRefusal, Problem
from policies.imports import grantable, shown
from policies.load import load_capabilities
from policies.wasi import NEEDS, known_functions

_HEAD = """\
# Drafted from the imports of the module. Everything that is not written here is denied.
apiVersion: sealwasm/v1
kind: CapabilityPolicy
metadata:
  name: {name}
  version: 1
spec:
  # enforce refuses what is not granted; audit records it, for tests.
  mode: enforce
  entrypoint: {{kind: command}}
"""

# (what an import draws on, what the draft then says)
_MEMBERS = (
    (
        "args",
        "  # Up to 16 arguments from whoever starts the module.\n  args: {allow: true}\n",
    ),
    (
        "env",
        (
            "  # The module can read variables. None is set; one would look like this:\n"
            "  # env: {LANG: {value: C.UTF-8}}\n"
        ),
    ),
    (
        "stdin",
        (
            "  # The module can read. If it reads standard input, allow that:\n"
            "  # stdin: {allow: true, max-bytes: 1MiB}\n"
        ),
    ),
    (
        "stdout",
        (
            "  # Output beyond these quotas stops the module.\n"
            "  stdout: {max-bytes: 1MiB}\n"
            "  stderr: {max-bytes: 64KiB}\n"
        ),
    ),
    (
        "clock",
        (
            "  # Real time in steps of 100 ms. deny, deterministic and real are the other kinds.\n"
            "  clock: {kind: coarse}\n"
        ),
    ),
    (
        "random",
        (
            "  # Real randomness. deny and seeded (to repeat a run) are the other kinds.\n"
            "  random: {kind: real}\n"
        ),
    ),
)
_LIMITS = """\
  limits:
    memory: 64MiB
    fuel: 10000000000
    wall-clock: 30s
"""
_NO_FILES = """\
  # The module can open files. It finds no folder until one is written here, such as:
  # files: [{path: /data, source: host, access: read-only, max-bytes: 16MiB}]
"""


def _draws_on(imports: Sequence[tuple[str, str]]) -> set[str]:
    return {NEEDS[name] for module, name in imports if name in (known_functions(module) or ())}


def _files(directories: Sequence[str], *, wanted: bool) -> str:
    if not directories:
        return _NO_FILES if wanted else ""
    lines = [
        f"    - {{path: {json.dumps(path)}, source: host, access: read-only, max-bytes: 16MiB}}\n"
        for path in directories
    ]
    head = "  # Folders that the operator names at start, as --dir PATH=HOST.\n  files:\n"
    return head + "".join(lines)


def _imports(imports: Sequence[tuple[str, str]]) -> str:
    entries = []
    for module, name in imports:
        entry = grantable(module, name)
        if entry is None:
            detail = f"imports {shown(module, name)}, a name that no policy can hold"
            raise PolicyError(Problem(PolicyRefusal.UNSUPPORTED, "module", "", detail))
        entries.append(entry)
    if not entries:
        return "  # The module imports nothing.\n  imports: []\n"
    lines = "".join(f"    - {entry}\n" for entry in sorted(set(entries)))
    return f"  # What the module may link, each by name.\n  imports:\n{lines}"


def draft_capabilities(
    imports: Iterable[tuple[str, str]], *, name: str, directories: Sequence[str] = ()
) -> str:
    """The text of a commented policy that grants `imports`; it loads.

    `directories` are guest paths to open read-only from host folders. Does not check that a runner
    offers the imports. Raises `PolicyError` for a name or path that no policy can hold.
    """
    wanted = list(imports)
    drawn = _draws_on(wanted)
    text = _HEAD.format(name=json.dumps(name, ensure_ascii=False))
    text += "".join(lines for member, lines in _MEMBERS if member in drawn)
    text += _files(directories, wanted="files" in drawn)
    text += _LIMITS + _imports(wanted)
    load_capabilities(text.encode("utf-8", "surrogatepass"), name="draft")
    return text
