"""An owner's whole day with a key that is in no PEM file: enrol, publish a policy, seal, verify."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest

from sealwasm.demo.stage import Finished, Stage
from tests.fakes.aws_kms import running_kms
from tests.fakes.softhsm import PIN, SoftToken
from tests.fakes.transit import TOKEN, running_transit

# All on one worker of the test runner: they share a world, and guides use the default port.
pytestmark = [pytest.mark.xdist_group("command-line"), pytest.mark.interop]


@dataclass(slots=True)
class Owner(Stage):
    """Somebody at the world's stage whose commands have settings and a key of their own."""

    name: str = ""
    key: str = ""
    more: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    def environment(self) -> dict[str, str]:
        return Stage.environment(self) | self.more

    def signs(self, *arguments: str) -> Finished:
        return self.call(*arguments, "--key", self.key, *self.options)


@pytest.fixture
def owner(world: Stage, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Owner]:
    owner = Owner(world.folder, world.packages, world.tee, facts=world.facts)
    owner.more["HOME"] = str(tmp_path)
    owner.name = request.param
    yield from PLACES[request.param](owner, tmp_path)


def cosign(owner: Owner, folder: Path) -> Iterator[Owner]:
    (folder / "passphrase").write_text("correct horse\n")
    (folder / "passphrase").chmod(0o600)
    owner.options = ("--passphrase-file", str(folder / "passphrase"))
    owner.key = str(folder / "cosign.key")
    owner.call("key", "generate", "--out", owner.key, "--format", "cosign", *owner.options)
    yield owner


def token(owner: Owner, folder: Path) -> Iterator[Owner]:
    with pytest.MonkeyPatch.context() as patched:
        made = SoftToken.start(folder, patched)
        made.make_key("release", 1)
    (folder / "pin").write_text(f"{PIN}\n")
    (folder / "pin").chmod(0o600)
    owner.more["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    owner.key = made.uri("object=release", f"&pin-source={folder / 'pin'}")
    yield owner


def aws(owner: Owner, folder: Path) -> Iterator[Owner]:
    (folder / ".aws").mkdir()
    known = "[default]\naws_access_key_id = test\naws_secret_access_key = test\n"
    (folder / ".aws" / "credentials").write_text(f"{known}region = eu-central-1\n")
    with running_kms() as address:
        owner.more["AWS_ENDPOINT_URL_KMS"] = address
        client = boto3.client(
            "kms", endpoint_url=address, region_name="eu-central-1",
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip
        made = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        owner.key = f"awskms:{made['KeyMetadata']['Arn']}"
        yield owner


def vault(owner: Owner, folder: Path) -> Iterator[Owner]:
    (folder / ".vault-token").write_text(TOKEN)
    with running_transit() as transit:
        transit.add_version("release")
        owner.more["VAULT_ADDR"] = transit.address
        owner.key = "hv:release/1"
        yield owner


PLACES = {"cosign": cosign, "token": token, "aws": aws, "vault": vault}


@pytest.mark.parametrize("owner", PLACES, indirect=True)
def test_an_owners_day(owner: Owner, tmp_path: Path) -> None:
    broker = ("--broker", owner.facts["broker"])
    shown = owner.call("key", "show", owner.key, *owner.options, "-o", "json").document()
    public = tmp_path / "owner.pub"
    public.write_text(str(shown["pem"]))

    operator = ("--operator-key", "broker/operator.key")
    owner.signs("owner", "enrol", "--name", owner.name, *operator, *broker)
    policy = tmp_path / "release.yaml"
    policy.write_text(owner.path("release.yaml").read_text().replace("acme/", f"{owner.name}/"))
    owner.signs("policy", "publish", str(policy), *broker)

    place = f"oci:{tmp_path / 'shop'}:v1"
    named = ("--name", f"{owner.name}/solver", "--version", "1", "--policy", f"{owner.name}/prod")
    given = ("--capabilities", "solver.yaml", "--to", place)
    owner.signs("seal", "solver.wasm", *named, *given, *broker)
    owner.call("verify", place, "--owner", str(public))
    owner.call("verify", place, "--owner", "owner.key.pub", expect=4)
