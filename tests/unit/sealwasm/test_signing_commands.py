"""`sign`, `attach`, `verify`, `key rotate` on an artifact in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from sealing.keys import SigningKey
from sealing.module_source import ModuleBytes
from sealing.oci.attachments import bundle_manifest, simple_manifest
from sealing.oci.blob import Blob
from sealing.oci.layout import OciLayout
from sealing.oci.transfer import Attachment, attach, push
from sealing.signatures.cosign import simple_signature
from sealing.wasm.signature import sign_module, verify_module
from sealwasm.cli import run_command
from sealwasm.exit_codes import ExitCode
from sealwasm.owner.sealing import SealOrder, opened
from sealwasm.session import Session
from tests.fakes.sealing import seal_for
from tests.unit.sealing import makers
from tests.unit.sealing.oci.samples import sealed
from tests.unit.sealing.wasm_maker import SMALL

OWNER, BOB = makers.OWNER, makers.OWNER_ED25519
PROVENANCE = {"buildDefinition": {"buildType": "x"}, "runDetails": {"builder": {"id": "y"}}}

# Who will release the key: nobody is asked before the module is read.
NOBODY: Any = None


class Shop:
    """An artifact in a folder, keys beside it, and the command line."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        push(OciLayout.create(folder / "shop"), sealed(), "v1")
        for name, key in (("alice", OWNER), ("bob", BOB), ("eve", makers.STRANGER)):
            self.key(name, key)

    def key(self, name: str, key: SigningKey) -> None:
        private = self.folder / f"{name}.key"
        private.write_bytes(key.to_pem())
        private.chmod(0o600)
        (self.folder / f"{name}.pub").write_bytes(key.public.to_pem())

    @property
    def reference(self) -> str:
        return f"oci:{self.folder}/shop:v1"

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def write(self, name: str, value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        (self.folder / name).write_text(text)
        return self.path(name)

    def run(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Run a command; file names of the shop are made whole."""
        known = {path.name for path in self.folder.iterdir()}
        given = [self.path(word) if word in known else word for word in words]
        got = run_command([*given, "-o", "json"], Session())
        out = self._capsys.readouterr()
        assert got == code, out.err
        if code:
            answer: dict[str, Any] = json.loads(out.err.splitlines()[-1])["error"]
            return answer
        shown: dict[str, Any] = json.loads(out.out)
        return shown


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    return Shop(tmp_path, capsys)


def test_verify_says_who_signed(shop: Shop) -> None:
    found = shop.run("verify", shop.reference, "--owner", "alice.pub", "--owner", "bob.pub")
    assert (found["verified"], found["owners_required"]) == (True, 1)
    assert found["signed_by"] == [{"owner": OWNER.key_id[:16], "key": OWNER.key_id}]
    assert found["statements"] == []


def test_a_second_owner_signs_and_two_are_asked_for(shop: Shop) -> None:
    both = ("--owner", "alice.pub", "--owner", "bob.pub", "--threshold", "2")
    assert (
        shop.run("verify", shop.reference, *both, code=ExitCode.NOT_VERIFIED)["code"]
        == "seal-signature-missing"
    )
    tried = shop.run(
        "sign", shop.reference, "--key", "bob.key", "--owner", "alice.pub", "--dry-run"
    )
    assert tried["signed"] is False
    shop.run("verify", shop.reference, *both, code=ExitCode.NOT_VERIFIED)
    signed = shop.run("sign", shop.reference, "--key", "bob.key", "--owner", "alice.pub")
    assert (signed["module"], signed["signer"]) == ("acme/scoring", BOB.key_id)
    found = shop.run("verify", shop.reference, *both)
    assert [one["key"] for one in found["signed_by"]] == [OWNER.key_id, BOB.key_id]


def test_nobody_signs_what_does_not_verify(shop: Shop) -> None:
    answer = shop.run(
        "sign", shop.reference, "--key", "bob.key", "--owner", "eve.pub", code=ExitCode.NOT_VERIFIED
    )
    assert answer["code"] == "seal-signer-unknown"
    assert (
        shop.run("sign", shop.reference, "--key", "bob.key", code=ExitCode.USAGE)["code"] == "usage"
    )


def test_a_trust_file_names_owners_and_their_expiry(shop: Shop) -> None:
    owners = (
        "apiVersion: sealwasm/v1\nkind: OwnerTrust\nowners:\n  - name: alice\n    key: alice.pub\n"
    )
    file = shop.write("owners.yaml", owners)
    found = shop.run("verify", shop.reference, "--owners", file)
    assert found["signed_by"] == [{"owner": "alice", "key": OWNER.key_id}]
    shop.write("owners.yaml", owners + '    not-after: "2026-11-22T09:59:59Z"\n')
    answer = shop.run("verify", shop.reference, "--owners", file, code=ExitCode.NOT_VERIFIED)
    assert answer["code"] == "seal-key-expired"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("owners: [", "trust-file-invalid"),
        ("kind: OwnerTrust", "seal-malformed"),
        (
            "apiVersion: sealwasm/v1\nkind: OwnerTrust\nowners: [{name: a, key: gone.pub}]",
            "file-not-found",
        ),
    ],
)
def test_a_bad_trust_file_is_said(shop: Shop, text: str, code: str) -> None:
    file = shop.write("owners.yaml", text)
    answer = run_command(["verify", shop.reference, "--owners", file, "-o", "json"], Session())
    assert answer in {ExitCode.USAGE, ExitCode.NOT_FOUND}
    error = json.loads(shop._capsys.readouterr().err)["error"]
    assert (error["code"], "next" in error) == (code, True)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--owner", "alice.pub", "--threshold", "2"),
        ("--owners", "alice.pub", "--owner", "alice.pub"),
        ("--owners", "alice.pub", "--threshold", "1"),
    ],
)
def test_options_that_say_too_little_or_too_much(shop: Shop, options: tuple[str, ...]) -> None:
    assert shop.run("verify", shop.reference, *options, code=ExitCode.USAGE)["code"] == "usage"


def test_a_rotated_key_is_trusted_through_its_statement(shop: Shop) -> None:
    shop.key("alice-2", BOB)
    out = shop.path("2.json")
    said = shop.run("key", "rotate", "alice.key", "--new", "alice-2.pub", "--out", out)
    assert (said["old"], said["new"], said["sequence"]) == (OWNER.key_id, BOB.key_id, 1)
    shop.run("sign", shop.reference, "--key", "alice-2.key", "--owner", "alice.pub")
    found = shop.run("verify", shop.reference, "--owner", "alice.pub", "--key-statement", "2.json")
    assert [one["key"] for one in found["signed_by"]] == [OWNER.key_id, BOB.key_id]
    # Two keys of one owner are not two owners.
    file = shop.write(
        "owners.yaml",
        "apiVersion: sealwasm/v1\nkind: OwnerTrust\nthreshold: 2\nowners:\n"
        "  - {name: alice, key: alice.pub, statements: [2.json]}\n  - {name: eve, key: eve.pub}\n",
    )
    answer = shop.run("verify", shop.reference, "--owners", file, code=ExitCode.NOT_VERIFIED)
    assert answer["code"] == "seal-signature-missing"


def test_later_rotations_go_on_the_chain(shop: Shop) -> None:
    shop.run("key", "rotate", "alice.key", "--new", "bob.pub", "--out", shop.path("2.json"))
    third = ("key", "rotate", "bob.key", "--new", "eve.pub", "--out", shop.path("3.json"))
    chain = ("--root", "alice.pub", "--key-statement", "2.json")
    assert shop.run(*third, "--root", "alice.pub", code=ExitCode.USAGE)["code"] == "usage"
    said = shop.run(*third, *chain, "--not-before", "2099-01-01T00:00:00Z")
    assert said["sequence"] == 2
    wrong = ("key", "rotate", "eve.key", "--new", "bob.pub", "--out", shop.path("4.json"))
    assert shop.run(*wrong, *chain, code=ExitCode.USAGE)["code"] == "key-not-head"
    again = ("key", "rotate", "alice.key", "--new", "bob.pub", "--out", shop.path("5.json"))
    assert shop.run(*again, "--not-before", "tomorrow", code=ExitCode.USAGE)["code"] == "usage"


def test_generated_documents_are_attached_and_count_when_an_owner_signed(shop: Shop) -> None:
    attached = shop.run("attach", shop.reference, "--generate", "--key", "alice.key")
    kinds = ["https://slsa.dev/provenance/v1", "https://cyclonedx.org/bom"]
    assert [one["type"] for one in attached["attached"]] == kinds
    again = shop.run("attach", shop.reference, "--generate", "--key", "alice.key")
    assert again["attached"] == attached["attached"]
    eve = ("--key", "eve.key", "--owner", "alice.pub")
    shop.run("attach", shop.reference, "--provenance", shop.write("p.json", PROVENANCE), *eve)
    found = shop.run("verify", shop.reference, "--owner", "alice.pub")
    told = sorted((one["type"], one["verified"]) for one in found["statements"])
    assert told == [(kinds[1], True), (kinds[0], False), (kinds[0], True)]


def test_a_dry_run_shows_what_would_be_attached(shop: Shop) -> None:
    shown = shop.run("attach", shop.reference, "--generate", "--key", "alice.key", "--dry-run")
    provenance, sbom = (one["predicate"] for one in shown["attached"])
    build = provenance["buildDefinition"]
    assert build["externalParameters"]["module"] == "acme/scoring"
    names = [one["name"] for one in build["resolvedDependencies"]]
    assert names == ["module", "capability-policy"]
    plaintext = makers.digest(SMALL).removeprefix("sha256:")
    assert build["resolvedDependencies"][0]["digest"] == {"sha256": plaintext}
    component = sbom["metadata"]["component"]
    assert component["hashes"] == [{"alg": "SHA-256", "content": plaintext}]
    found = shop.run("verify", shop.reference, "--owner", "alice.pub")
    assert found["statements"] == []
    code = run_command(
        ["attach", shop.reference, "--generate", "--key", shop.path("alice.key"), "--dry-run"],
        Session(),
    )
    assert (code, "would attach" in shop._capsys.readouterr().out) == (0, True)


def test_documents_of_the_owner_are_attached(shop: Shop) -> None:
    statement = {"predicateType": "https://slsa.dev/provenance/v1", "predicate": PROVENANCE}
    files = (
        *("--provenance", shop.write("p.json", statement)),
        *("--sbom", shop.write("s.json", {"bomFormat": "CycloneDX", "specVersion": "1.5"})),
    )
    attached = shop.run("attach", shop.reference, *files, "--key", "alice.key")
    assert len(attached["attached"]) == 2


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--provenance", {"predicateType": "x", "predicate": PROVENANCE}),
        ("--provenance", {"buildDefinition": {}}),
        ("--provenance", []),
        ("--provenance", "no JSON"),
        ("--sbom", {"spdxVersion": "SPDX-2.3"}),
        ("--sbom", {"bomFormat": "CycloneDX", "score": 1.5}),
    ],
)
def test_documents_that_are_something_else_are_not_signed(
    shop: Shop, option: str, value: Any
) -> None:
    file = shop.write("x.json", value)
    answer = shop.run(
        "attach", shop.reference, option, file, "--key", "alice.key", code=ExitCode.USAGE
    )
    assert answer["code"] in {"attestation-invalid", "seal-malformed"}
    assert (
        shop.run("attach", shop.reference, "--key", "alice.key", code=ExitCode.USAGE)["code"]
        == "usage"
    )


def test_the_signature_inside_a_module_is_verified(shop: Shop) -> None:
    signed = sign_module(SMALL, BOB, delimiter=bytes(16))
    (shop.folder / "app.wasm").write_bytes(signed)
    found = shop.run("verify", "app.wasm", "--owner", "bob.pub")
    assert found["signed_by"] == [BOB.key_id]
    (shop.folder / "bare.wasm").write_bytes(SMALL)
    answer = shop.run("verify", "bare.wasm", "--owner", "bob.pub", code=ExitCode.NOT_VERIFIED)
    assert answer["code"] == "seal-signature-missing"


def test_the_signature_inside_a_module_is_counted_by_owners(shop: Shop) -> None:
    (shop.folder / "app.wasm").write_bytes(sign_module(SMALL, BOB, delimiter=bytes(16)))
    both = ("--owner", "alice.pub", "--owner", "bob.pub", "--threshold", "2")
    answer = shop.run("verify", "app.wasm", *both, code=ExitCode.NOT_VERIFIED)
    assert answer["code"] == "seal-signature-missing"


EXPIRED_BOB = """\
apiVersion: sealwasm/v1
kind: OwnerTrust
owners:
  - {name: alice, key: alice.pub}
  - {name: bob, key: bob.pub, not-after: "2001-01-01T00:00:00Z"}
"""


def test_an_expired_key_counts_for_nothing_that_says_no_time(shop: Shop) -> None:
    owners = ("--owners", shop.write("owners.yaml", EXPIRED_BOB))
    (shop.folder / "app.wasm").write_bytes(sign_module(SMALL, BOB, delimiter=bytes(16)))
    answer = shop.run("verify", "app.wasm", *owners, code=ExitCode.NOT_VERIFIED)
    assert answer["code"] == "seal-key-expired"
    for key in ("alice.key", "bob.key"):
        file = shop.write("p.json", PROVENANCE)
        shop.run(
            "attach", shop.reference, "--provenance", file, "--key", key, "--owner", "alice.pub"
        )
    found = shop.run("verify", shop.reference, *owners)
    told = {one["signer"]: one["expired"] for one in found["statements"]}
    assert told == {OWNER.key_id: False, BOB.key_id: True}
    assert run_command(["verify", shop.reference, *owners], Session()) == 0
    assert f"by {BOB.key_id}, expired: https://slsa.dev" in shop._capsys.readouterr().out


def test_a_module_is_signed_inside_before_it_is_sealed(shop: Shop) -> None:
    order = SealOrder(
        module=ModuleBytes(SMALL),
        name="acme/scoring",
        version=1,
        policy="acme/prod",
        capabilities="",
        brokers=NOBODY,
        suite="",
        embed_signature=shop.path("bob.key"),
    )
    with click.Context(click.Command("seal")):
        signed = b"".join(opened(order).chunks())
    assert verify_module(signed, keys=[BOB.public]) == (BOB.public,)


def test_generated_documents_hide_what_the_artifact_hides(shop: Shop) -> None:
    hidden = seal_for(
        SMALL,
        name="acme/scoring",
        version=8,
        policy_name="acme/prod",
        capabilities={"kind": "none"},
        broker_identity=makers.IDENTITY.key_id,
        broker_key=makers.BROKER.public,
        owner=OWNER,
        now=makers.NOW,
        hide_details=True,
    )
    push(OciLayout.open(shop.folder / "shop"), hidden, "v1")
    shown = shop.run("attach", shop.reference, "--generate", "--key", "alice.key", "--dry-run")
    text = json.dumps(shown)
    assert "capability-policy" in text
    assert makers.digest(SMALL).removeprefix("sha256:") not in text
    assert shown["attached"][1]["predicate"]["components"] == []


def test_signatures_of_cosign_and_things_that_are_none_are_listed(shop: Shop) -> None:
    layout = OciLayout.open(shop.folder / "shop")
    for place, key in (("registry.example/a", OWNER), ("registry.example/b", makers.STRANGER)):
        simple = simple_signature(sealed().manifest_digest, place, key)
        layout.put_blob(Blob.of(simple.config))
        layout.put_blob(Blob.of(simple.payload))
        layout.put_manifest(simple_manifest(simple), tag=simple.tag)
        found = shop.run("verify", shop.reference, "--owner", "alice.pub")
        (only,) = found["statements"]
        assert only["type"] == "cosign simple signature"
        assert only["verified"] is (key is OWNER)
        assert only.get("place") == (place if key is OWNER else None)
    garbage = bundle_manifest(sealed().manifest, b"garbage", predicate_type="x", created=makers.NOW)
    attach(layout, Attachment(garbage, b"garbage"))
    found = shop.run("verify", shop.reference, "--owner", "alice.pub")
    assert ("not readable", False) in [
        (one["type"], one["verified"]) for one in found["statements"]
    ]
    command = ["verify", shop.reference, "--owner", shop.path("alice.pub")]
    assert run_command(command, Session()) == 0
    assert "not verified (seal-malformed): not readable" in shop._capsys.readouterr().out
