"""`python -m tests.fuzz [--seconds N] [NAME ...]`: every parser against any bytes.

First the cost of inputs of up to 1 MiB made to be expensive, uninstrumented; then each target under
atheris (libFuzzer) for N seconds in a process of its own, as many at once as there are cores. Exits
1 if anything but `EvidenceError` leaves a parser, or an input takes longer than 50 ms or more
memory than the bound.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.cost import worst_cost
from tests.fuzz.registry import all_targets
from tests.fuzz.target import Target

# Twice what one parser of 1 MiB takes with the interpreter and the instrumented package.
RSS_LIMIT_MB = 1024
MAX_INPUT_BYTES = 1 << 20


def fuzz(target: Target, seconds: int, crashes: Path) -> bool:
    """Run one target under atheris; return whether nothing was found."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder)
        for index, seed in enumerate(target.seeds()):
            (corpus / f"seed-{index}").write_bytes(seed)
        command = [
            *(sys.executable, "-m", "tests.fuzz.one", target.name, str(corpus)),
            f"-max_total_time={seconds}",
            f"-max_len={MAX_INPUT_BYTES}",
            f"-rss_limit_mb={RSS_LIMIT_MB}",
            "-timeout=5",
            f"-artifact_prefix={crashes}/{target.name}-",
            "-verbosity=0",
            "-print_final_stats=1",
        ]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    runs = [line for line in ended.stderr.splitlines() if "number_of_executed_units" in line]
    print(f"{target.name:24} {runs[-1].split()[-1] if runs else '?':>10} inputs", flush=True)
    if ended.returncode:
        print(ended.stderr[-4000:], file=sys.stderr)
    return ended.returncode == 0


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz")
    arguments.add_argument("names", nargs="*")
    arguments.add_argument("--seconds", type=int, default=300, help="for each parser")
    arguments.add_argument("--crashes", type=Path, default=Path("build/fuzz"))
    given = arguments.parse_args()
    targets = all_targets()
    unknown = set(given.names) - targets.keys()
    if unknown or not targets:
        print(f"no such target: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    given.crashes.mkdir(parents=True, exist_ok=True)
    chosen = [targets[name] for name in given.names or sorted(targets)]
    # One at a time: what an input costs must not depend on a neighbour.
    costs = [worst_cost(target) for target in chosen]
    if given.seconds:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            held = pool.map(lambda target: fuzz(target, given.seconds, given.crashes), chosen)
            costs += held
    good = all(costs)
    print("every parser held" if good else "a parser did not hold: see above")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
