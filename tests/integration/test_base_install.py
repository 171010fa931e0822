"""The base install alone verifies evidence: the README's example, with only base dependencies."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sealwasm.cli import run_command
from sealwasm.session import Session

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"^([a-z0-9-]+)==", re.MULTILINE)
EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
START = """\
import sys
assert not [path for path in sys.path if "site-packages" in path], sys.path
sys.path.append(sys.argv[1])
exec(compile(open("example.py").read(), "example.py", "exec"))
loaded = sorted(name for name in sys.modules if name in ("fastapi", "click", "httpx", "wasmtime"))
assert not loaded, loaded
"""


@pytest.fixture(scope="module")
def base_install(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with our wheel and the distributions of requirements/base.txt, nothing else."""
    folder = tmp_path_factory.mktemp("site")
    built = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(built)], cwd=ROOT, check=True)
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    for name in NAME.findall((ROOT / "requirements" / "base.txt").read_text()):
        distribution = importlib.metadata.distribution(name)
        for file in distribution.files or ():
            top = file.parts[0]
            if top != ".." and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(distribution.locate_file(top))))
    return folder


def test_the_readmes_example_runs_with_nothing_else(base_install: Path, tmp_path: Path) -> None:
    platform, report_data = tmp_path / "tee", "11" * 64
    assert run_command(["simulate", "platform", str(platform), "--tee", "tdx"], Session()) == 0
    from attestation.encoding import canonical_json
    from attestation.simulated.platforms import load_platform

    evidence = load_platform(platform).launch(bytes(range(48))).attest(bytes.fromhex(report_data))
    (tmp_path / "quote.json").write_bytes(canonical_json(evidence.to_wire()))
    (example,) = EXAMPLE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    statements = [line for line in example.splitlines() if line and not line.startswith(" ")]
    assert len(statements) <= 10
    (tmp_path / "example.py").write_text(example)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", START, str(base_install)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["tdx", "True", bytes(range(48)).hex()]
