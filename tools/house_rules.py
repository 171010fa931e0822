"""Rules of the house that no linter knows. Run by `make lint`; prints every breach and exits 1."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("attestation", "keybroker", "policies", "runner", "sealing", "sealwasm")
MODULE_LINES_CEILING = 400
FUNCTION_LINES_CEILING = 40

# The one broad `except` of each process edge. A new edge is added here on purpose or not at all.
PROCESS_EDGES = {
    "sealwasm/cli.py",
    "keybroker/problems.py",
    "runner/engine/trampoline.py",
    "runner/worker/main.py",
}

# Hosts of package indexes and paths of somebody's machine, written so that this file passes itself.
FORBIDDEN_TEXT = [
    re.compile(pattern)
    for pattern in (
        r"py[p]i\.org",
        r"python[h]osted",
        r"deb\.de[b]ian",
        r"registry\.np[m]js",
        r"proxy\.go[l]ang",
        r"(static|index)\.cra[t]es",
        r"/wor[k]/",
        r"/hom[e]/[a-z]",
        r"/roo[t]/\.",
    )
]


def tracked_files() -> list[Path]:
    """Every file git knows or would add."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    return [
        ROOT / name for name in listing.decode().split("\0") if name and (ROOT / name).is_file()
    ]


def text_breaches(path: Path) -> Iterator[str]:
    """Package-index hosts and machine paths."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    for number, line in enumerate(text.splitlines(), start=1):
        for pattern in FORBIDDEN_TEXT:
            if pattern.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: names {pattern.pattern}"


def _is_broad(handler: ast.ExceptHandler) -> bool:
    names = (
        {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
        if handler.type
        else {"BaseException"}
    )
    return bool(names & {"Exception", "BaseException"})


def node_breach(node: ast.AST, name: str) -> str | None:
    """What one syntax node of the module `name` does that the house forbids, or None."""
    if isinstance(node, ast.Assert):
        return "assert in shipped code"
    if isinstance(node, ast.ExceptHandler) and _is_broad(node) and name not in PROCESS_EDGES:
        return "broad except outside a process edge"
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > FUNCTION_LINES_CEILING:
            return f"{node.name} is {length} lines, ceiling is {FUNCTION_LINES_CEILING}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        makes_claims = node.func.id == "VerifiedClaims"
        if makes_claims and not name.startswith("attestation/verifiers/"):
            return "only verifiers construct VerifiedClaims"
    return None


def module_breaches(path: Path) -> Iterator[str]:
    """Sizes, asserts, broad excepts, and who may construct verified claims."""
    name = str(path.relative_to(ROOT))
    source = path.read_text(encoding="utf-8")
    lines = len(source.splitlines())
    if lines > MODULE_LINES_CEILING:
        yield f"{name}: {lines} lines, ceiling is {MODULE_LINES_CEILING}"
    for node in ast.walk(ast.parse(source)):
        if breach := node_breach(node, name):
            yield f"{name}:{getattr(node, 'lineno', 0)}: {breach}"


def main() -> int:
    """Print every breach; 1 if there is one."""
    files = tracked_files()
    breaches = [breach for path in files for breach in text_breaches(path)]
    shipped = [
        path
        for path in files
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES
    ]
    breaches += [breach for path in shipped for breach in module_breaches(path)]
    print("\n".join(breaches) or f"house rules hold in {len(shipped)} modules")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
