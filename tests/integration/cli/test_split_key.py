"""A key that three brokers share, in real processes: two of them release, one alone cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.exit_codes import RunExit
from sealwasm.demo.documents import release_policy
from sealwasm.demo.stage import Finished, Stage, open_stage
from sealwasm.guard import require_own_packages
from tests.fakes.story import CANARY, HELLO

pytestmark = pytest.mark.xdist_group("command-line")

GRANT = """\
apiVersion: sealwasm/v1
kind: CapabilityPolicy
metadata: {name: hello, version: 1}
spec:
  stdout: {max-bytes: 4KiB}
  imports: [wasi_snapshot_preview1.fd_write, wasi_snapshot_preview1.proc_exit]
"""
OWNER = ("--key", "owner.key")


class Trio:
    """Three brokers of different operators, an owner enrolled with each, one sealed module."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        stage.call("simulate", "platform", "tee")
        stage.call("key", "generate", "--out", "owner.key")
        stage.path("hello.wasm").write_bytes(HELLO)
        stage.path("grant.yaml").write_text(GRANT, encoding="utf-8")
        measured = stage.call("reference", "measure", "-o", "json").document()
        policy = release_policy(
            owner="acme", measurement=str(measured["measurement"]), tee="snp", pcr=""
        )
        stage.path("release.yaml").write_text(policy, encoding="utf-8")
        self.urls, self.identities = [], []
        for name in ("one", "two", "three"):
            self._start(name)
        self.sealed = self.seal("oci:shop:hello", "--threshold", "2").document()

    def _start(self, name: str) -> None:
        stage = self.stage
        stage.call("broker", "init", name, "--trust-simulated", "tee")
        ready = stage.start_broker(name, "--port", "0")
        url = str(ready["address"])
        stage.call(
            "owner", "enrol", "--name", "acme", *OWNER,
            "--operator-key", f"{name}/operator.key", "--broker", url,
        )  # fmt: skip
        stage.call("policy", "publish", "release.yaml", *OWNER, "--broker", url)
        self.urls.append(url)
        self.identities.append(str(ready["identity"]))

    @property
    def brokers(self) -> list[str]:
        return [word for url in self.urls for word in ("--broker", url)]

    def seal(self, to: str, *more: str, expect: int = 0) -> Finished:
        pins = [word for one in self.identities for word in ("--broker-identity", one)]
        return self.stage.call(
            "seal", "hello.wasm", "--name", "acme/hello", "--version", "1", "--policy", "acme/prod",
            "--capabilities", "grant.yaml", *OWNER, *self.brokers, *pins, "--to", to,
            "-o", "json", *more, expect=expect,
        )  # fmt: skip

    def run(self, *more: str, expect: int) -> Finished:
        return self.stage.call(
            "run", "oci:shop:hello", "--owner", "owner.key.pub", "--simulated-platform", "tee",
            *self.brokers, *more, expect=expect,
        )  # fmt: skip

    def stop(self, number: int) -> None:
        process = self.stage.processes[number]
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    folder: Path = tmp_path_factory.mktemp("trio")
    with open_stage(folder, require_own_packages(), keep=True) as stage:
        yield Trio(stage)


def test_a_split_key_through_one_outage_and_two(trio: Trio) -> None:
    assert trio.sealed["brokers"] == trio.identities
    assert trio.sealed["brokers_needed"] == 2

    # (1) One broker is down: the two others are enough, and the receipt tells of both.
    trio.stop(0)
    done = trio.run("--receipt", "split.json", expect=7)
    assert done.out == f"{CANARY}\n"
    assert f"broker passed over: {trio.urls[0]}: broker-unreachable\n" in done.err
    shown = trio.stage.call("receipt", "show", "split.json", "-o", "json").document()
    keys = [release["key"] for release in shown["releases"]]
    assert keys == ["share 2 of 3, 2 needed", "share 3 of 3, 2 needed"]

    # (2) It verifies offline with what both of them say of themselves, and not with one.
    for name, url in (("two", trio.urls[1]), ("three", trio.urls[2])):
        text = trio.stage.call("broker", "describe", "--broker", url).out
        trio.stage.path(f"{name}.json").write_text(text, encoding="utf-8")
    verify = ("receipt", "verify", "split.json", "--trust-simulated", "tee", "-o", "json")
    both = ("--descriptor", "three.json", "--descriptor", "two.json")
    checked = trio.stage.call(*verify, *both).document()
    assert checked["verified"] is True
    states = {check["name"]: check["shown"] for check in checked["checks"]}
    assert states["brokers"] == "2 of 3 that share the key"
    assert states["release 2"].endswith(f"{trio.identities[2]}, share 3 of 3")
    one = trio.stage.call(*verify, "--descriptor", "two.json", expect=4)
    assert "seal-signer-unknown" in one.err

    # (3) Two are down: nothing runs, and who is missing is said, by address and identity.
    trio.stop(2)
    refused = trio.run(expect=RunExit.UNREACHABLE)
    assert refused.error_code() == "brokers-missing"
    for number in (0, 2):
        assert trio.urls[number] in refused.err
        assert trio.identities[number] in refused.err
    assert trio.identities[1] not in refused.err
    assert not refused.out


def test_what_is_no_split(trio: Trio) -> None:
    again = ("--broker", trio.urls[1])
    for more, told in (
        (("--threshold", "4"), "4 brokers would be needed and 3 named"),
        (again, "4 --broker and 3 --broker-identity"),
        ((*again, "--broker-identity", trio.identities[1]), "one broker is named twice"),
    ):
        error = json.loads(trio.seal("oci:shop:other", *more, expect=2).err)["error"]
        assert told in error["what"]
