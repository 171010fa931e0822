"""Writes `docs/reference/{exit-codes,codes,commands}.md` from the code.

`python tools/generate_reference.py`; a test compares the committed files with what it would write.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import runner.exit_codes  # noqa: E402  after the path is set
import sealwasm.exit_codes  # noqa: E402
from attestation.errors import Refusal  # noqa: E402
from keybroker import problems  # noqa: E402
from keybroker.errors import BrokerCode  # noqa: E402
from keybroker.protocol import ProtocolRefusal  # noqa: E402
from policies.decision import Denial  # noqa: E402
from policies.errors import PolicyRefusal  # noqa: E402
from runner.ending import Ending  # noqa: E402
from runner.errors import RunnerCode  # noqa: E402
from runner.wasi.denials import DenialCode  # noqa: E402
from sealing.errors import SealRefusal  # noqa: E402
from sealwasm.cli import cli  # noqa: E402
from sealwasm.failure import EXIT_CODE_OF_KIND, Kind  # noqa: E402
from sealwasm.run_exits import RUN_EXIT_OF_KIND  # noqa: E402

WIDTH = 100
GENERATED = "Written by `tools/generate_reference.py`; a test keeps it current.\n"
CODES_HEAD = """\
Every refusal has one of these codes, in errors, problems, logs, receipts and audit leaves. They are
never renamed. *Answer* is the HTTP status and the last part of the problem's `type` with which a
broker gives a code to a peer. A code without one stays with the broker's operator, or with whoever
verifies what the broker signed.
"""
NOT_A_FAULT = """\
`sealwasm demo` also exits with 1 when a step did not go as said, and `sealwasm doctor` when
something is missing that runs need.
"""
GUESTS_OWN = f"""\
0 to {runner.exit_codes.HIGHEST_GUEST_CODE} are the guest's own. A guest that chose a higher number
comes out as {runner.exit_codes.HIGHEST_GUEST_CODE}; its receipt has the number it chose.
"""
KINDS_HEAD = """\
With `-o json` an error has its kind beside its code. In `sealwasm run` the codes of the runner have
exit codes of their own, which are in [codes.md](codes.md).
"""
GROUP = re.compile(r"^ +# (.+)$")
MEMBER = re.compile(r"^ +([A-Z][A-Z0-9_]*) = ")

# Every enum of codes, what its codes are about, and the specification that says when each is given.
ENUMS: tuple[tuple[type[StrEnum], str, str], ...] = (
    (
        SealRefusal,
        "Sealed modules, keys, references, registries.",
        "sealed-module.md, documents.md, oci-artifact.md",
    ),
    (Refusal, "Evidence and attestation results.", "evidence-snp.md, ear.md"),
    (PolicyRefusal, "A policy document was refused.", "policy.md"),
    (Denial, "A policy said no.", "policy.md"),
    (ProtocolRefusal, "A message between runner and broker was refused.", "release-protocol.md"),
    (
        BrokerCode,
        "The broker and its audit log.",
        "release-protocol.md, audit-log.md, attestation-keys.md",
    ),
    (RunnerCode, "The runner. Exit codes are those of `sealwasm run`.", "receipt.md"),
)
RECEIPT_WORDS: tuple[tuple[type[StrEnum], str], ...] = (
    (Ending, "How a run ended: `result.ending` of a receipt, and what `sealwasm run` says."),
    (DenialCode, "What a guest tried and was not given: the first word of each denial."),
)


def table(header: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> str:
    """Return a Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


def groups_of(enum: type[StrEnum]) -> dict[str, str]:
    """Return member → the comment that heads its group in the source; empty without one."""
    found, group = {}, ""
    for line in inspect.getsource(enum).splitlines():
        if heading := GROUP.match(line):
            group = heading[1].rstrip(".")
        elif member := MEMBER.match(line):
            found[member[1]] = group
    return found


def answer_of(code: StrEnum) -> str:
    """Return the status and slug under which a peer of the broker sees `code`, or `-`."""
    kind = problems.kind_of(code)
    return "-" if kind is problems.FAULT else f"{kind.status} {kind.slug}"


def section(enum: type[StrEnum], about: str, specs: str) -> str:
    """Return everything about one enum of codes, with the columns that tell its codes apart."""
    groups = groups_of(enum)
    columns = {
        "code": [f"`{code}`" for code in enum],
        "member": [f"`{code.name}`" for code in enum],
    }
    if any(groups.values()):
        columns["about"] = [groups[code.name] for code in enum]
    if enum is RunnerCode:
        columns["exit code"] = [str(int(runner.exit_codes.of_error(code))) for code in RunnerCode]
    elif len(answers := sorted({answer_of(code) for code in enum})) > 1:
        columns["answer"] = [answer_of(code) for code in enum]
    else:
        about += f" Answer of a broker: {answers[0]}."
    links = ", ".join(f"[{name}](../specs/{name})" for name in specs.split(", "))
    head = f"## `{enum.__module__}.{enum.__name__}`\n\n{about} When which is given: {links}."
    return f"{head}\n\n{table(tuple(columns), zip(*columns.values(), strict=True))}"


def codes() -> str:
    """Every code of every package."""
    parts = ["# Codes\n", GENERATED, CODES_HEAD]
    parts += [section(enum, about, specs) for enum, about, specs in ENUMS]
    for words, about in RECEIPT_WORDS:
        rows = ((f"`{one}`", f"`{one.name}`") for one in words)
        head = f"## `{words.__module__}.{words.__name__}`\n\n{about}\n"
        parts.append(f"{head}\n{table(('word', 'member'), rows)}")
    return "\n".join(parts)


def exit_codes() -> str:
    """Both tables of exit codes, and which kind of failure has which."""
    ours, runs = sealwasm.exit_codes.MEANING, runner.exit_codes.MEANING
    kinds = ((kind, int(EXIT_CODE_OF_KIND[kind]), int(RUN_EXIT_OF_KIND[kind])) for kind in Kind)
    parts = (
        "# Exit codes\n",
        GENERATED,
        "Numbers are never reused for another meaning.\n",
        "## Every command but `sealwasm run`\n",
        table(("code", "means"), ((int(code), text) for code, text in ours.items())),
        NOT_A_FAULT,
        "## `sealwasm run`\n",
        GUESTS_OWN,
        table(("code", "means"), ((int(code), text) for code, text in runs.items())),
        "## By kind of failure\n",
        KINDS_HEAD,
        table(("kind", "exit code", "of `sealwasm run`"), kinds),
    )
    return "\n".join(parts)


def every_command(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[click.Context]:
    """Yield a context for `command` and for all below it, in the order of their help."""
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    context.terminal_width = context.max_content_width = WIDTH
    context.color = False
    yield context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None:
                yield from every_command(found, below, context)


def commands() -> str:
    """The help of every command."""
    parts = [
        "# Commands\n",
        GENERATED,
        "What each command's `--help` says. Exit codes are in [exit-codes.md](exit-codes.md).\n",
    ]
    for context in every_command(cli, "sealwasm"):
        parts.append(f"## `{context.command_path}`\n")
        parts.append(f"```text\n{context.get_help()}\n```\n")
    return "\n".join(parts)


def reference_files() -> dict[str, str]:
    """Return file name → text of every generated page."""
    return {"exit-codes.md": exit_codes(), "codes.md": codes(), "commands.md": commands()}


def main() -> None:
    """Write every page."""
    for name, text in reference_files().items():
        (ROOT / "docs" / "reference" / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
