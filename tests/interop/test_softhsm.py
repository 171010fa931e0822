"""Owner keys on a token: what is signed there holds here, and what goes wrong is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pkcs11", reason="the extra pkcs11 is not installed")

from keybroker.settings.reference_documents import read_references
from sealing.errors import SealError, SealRefusal
from sealing.keys import Signer, VerifyingKey
from sealing.signers.open import Secrets, open_signer, read_public_uri
from sealing.signers.pkcs11 import list_token_keys
from sealing.signers.pkcs11_uri import parse_pkcs11_uri
from sealing.unseal import verify_artifact
from sealwasm.cli import run_command
from sealwasm.session import Session
from tests.fakes.sealing import seal_for
from tests.fakes.softhsm import PIN, SoftToken
from tests.unit.sealing import makers
from tests.unit.sealing.wasm_maker import SMALL

pytestmark = pytest.mark.interop
DATA = b"what an owner signs" * 100


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    token = SoftToken.start(tmp_path, monkeypatch)
    token.make_key("release", 1)
    return token


def with_pin(pin: str = PIN) -> Secrets:
    def never(_: str) -> bytes:
        raise AssertionError("nothing to ask or to read")

    return Secrets(never, never, pin.encode())


def refusal(place: str, secrets: Secrets | None = None) -> SealError:
    with pytest.raises(SealError) as caught, open_signer(place, secrets=secrets or with_pin()):
        pass
    assert PIN not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(("curve", "kind"), [("secp256r1", "p256"), ("edwards25519", "ed25519")])
@pytest.mark.parametrize("named", ["object=both", "id=%07", "object=both;id=%07;type=private"])
def test_signs_for_the_public_key_that_the_token_shows(
    token: SoftToken, curve: str, kind: str, named: str
) -> None:
    token.make_key("both", 7, curve)
    place = token.uri(named)
    with open_signer(place, secrets=with_pin()) as signer:
        assert signer.kind == kind
        for data in (b"", DATA):
            signer.public.verify(signer.sign(data), data)
        public = signer.public
    assert read_public_uri(place, secrets=with_pin()) == public


def test_a_key_that_asks_every_time(token: SoftToken) -> None:
    token.make_key("careful", 2, ALWAYS_AUTHENTICATE=True)
    with open_signer(token.uri("object=careful"), secrets=with_pin()) as signer:
        for _ in range(2):
            signer.public.verify(signer.sign(DATA), DATA)


def test_two_keys_of_one_token_at_once(token: SoftToken) -> None:
    token.make_key("operator", 2, "edwards25519")
    with open_signer(token.uri("object=release"), secrets=with_pin()) as owner:
        with open_signer(token.uri("object=operator"), secrets=with_pin()) as operator:
            operator.public.verify(operator.sign(DATA), DATA)
        owner.public.verify(owner.sign(DATA), DATA)


def test_the_session_ends_with_the_command(token: SoftToken) -> None:
    with open_signer(token.uri("object=release"), secrets=with_pin()) as signer:
        signer.sign(DATA)
    with pytest.raises(SealError) as caught:
        signer.sign(DATA)
    assert caught.value.code is SealRefusal.KEY_UNAVAILABLE


def test_the_session_ends_with_an_error_too(token: SoftToken) -> None:
    def fail() -> Signer:
        with open_signer(token.uri("object=release"), secrets=with_pin()) as signer:
            held.append(signer)
            raise KeyError("of the caller")

    held: list[Signer] = []
    with pytest.raises(KeyError):
        fail()
    with pytest.raises(SealError):
        held[0].sign(DATA)


def test_the_pin_comes_from_a_file_or_a_person(token: SoftToken) -> None:
    questions = []

    def ask(question: str) -> bytes:
        questions.append(question)
        return PIN.encode()

    secrets = Secrets(lambda path: {"/run/pin": b"1234\nmore"}[path], ask)
    with open_signer(token.uri("object=release"), secrets=secrets) as signer:
        signer.sign(DATA)
    assert questions == ["PIN of the token owner"]
    with open_signer(token.uri("object=release", "&pin-source=/run/pin"), secrets=secrets):
        pass
    assert len(questions) == 1
    twice = refusal(token.uri("object=release", "&pin-source=/run/pin"))
    assert twice.code is SealRefusal.KEY_URI


def test_nobody_is_asked_for_the_pin_of_a_token_that_is_not_there(token: SoftToken) -> None:
    error = refusal(token.uri("object=release", token="lost"), Secrets(open, open))
    assert (error.code, "owner" in error.detail) == (SealRefusal.KEY_UNAVAILABLE, True)


@pytest.mark.parametrize(
    ("named", "pin", "code"),
    [
        ("object=release", "0000", SealRefusal.KEY_PASSPHRASE),
        ("object=release", "1", SealRefusal.KEY_PASSPHRASE),
        ("object=release", "", SealRefusal.KEY_PASSPHRASE),
        ("object=other", PIN, SealRefusal.KEY_NOT_FOUND),
        ("object=release;id=%09", PIN, SealRefusal.KEY_NOT_FOUND),
        ("serial=00", PIN, SealRefusal.KEY_URI),
        ("serial=00;object=release", PIN, SealRefusal.KEY_UNAVAILABLE),
        ("slot-id=7;object=release", PIN, SealRefusal.KEY_UNAVAILABLE),
        ("", PIN, SealRefusal.KEY_URI),
    ],
)
def test_what_the_token_does_not_have(
    token: SoftToken, named: str, pin: str, code: SealRefusal
) -> None:
    assert refusal(token.uri(named), with_pin(pin)).code is code


def test_a_public_key_is_asked_for_by_name(token: SoftToken) -> None:
    with pytest.raises(SealError) as caught:
        read_public_uri(token.uri(""), secrets=with_pin())
    assert caught.value.code is SealRefusal.KEY_URI


def test_a_token_with_more_keys_than_anybody_has(
    token: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    token.make_key("second", 2)
    monkeypatch.setattr("sealing.limits.TOKEN_KEYS", 1)
    with pytest.raises(SealError) as caught:
        list_token_keys(parse_pkcs11_uri(token.uri("")))
    assert caught.value.code is SealRefusal.KEY_UNAVAILABLE


def test_a_pin_that_is_no_text(token: SoftToken) -> None:
    secrets = Secrets(lambda _: b"\xff\xfe", lambda _: b"")
    error = refusal(token.uri("object=release", "&pin-source=/run/pin"), secrets)
    assert error.code is SealRefusal.KEY_PASSPHRASE


def test_two_keys_or_tokens_of_one_name_are_not_guessed_at(token: SoftToken) -> None:
    token.make_key("twice", 3)
    token.make_key("twice", 4)
    assert refusal(token.uri("object=twice")).code is SealRefusal.KEY_URI
    with open_signer(token.uri("object=twice;id=%04"), secrets=with_pin()) as signer:
        signer.sign(DATA)
    token.add_token("owner")
    assert refusal(token.uri("object=release")).code is SealRefusal.KEY_URI


@pytest.mark.parametrize("half", ["PUBLIC_KEY", "PRIVATE_KEY"])
def test_half_a_key(token: SoftToken, half: str) -> None:
    token.forget("release", half)
    assert refusal(token.uri("object=release")).code is SealRefusal.KEY_NOT_FOUND


@pytest.mark.parametrize("curve", ["secp384r1", "secp256k1"])
def test_a_curve_that_is_not_ours(token: SoftToken, curve: str) -> None:
    token.make_key("other", 3, curve)
    assert refusal(token.uri("object=other")).code is SealRefusal.KEY_INVALID
    listed = list_token_keys(parse_pkcs11_uri(token.uri("")))
    assert [uri.object for uri, _ in listed] == ["release"]


def test_an_rsa_key(token: SoftToken) -> None:
    import pkcs11

    with token.open() as session:
        session.generate_keypair(pkcs11.KeyType.RSA, 2048, store=True, label="rsa")
    assert refusal(token.uri("object=rsa")).code is SealRefusal.KEY_INVALID


def test_a_key_that_may_not_sign(token: SoftToken) -> None:
    token.make_key("derives", 3, SIGN=False)
    assert refusal(token.uri("object=derives")).code is SealRefusal.KEY_INVALID


def test_a_signature_of_another_key_never_leaves(token: SoftToken) -> None:
    token.make_key("stranger", 3)
    token.sign_with("release", "stranger")
    opened = open_signer(token.uri("object=release"), secrets=with_pin())
    with opened as signer, pytest.raises(SealError) as caught:
        signer.sign(DATA)
    assert caught.value.code is SealRefusal.SIGNATURE_INVALID


def test_a_token_that_is_pulled_out(token: SoftToken) -> None:
    with open_signer(token.uri("object=release"), secrets=with_pin()) as signer:
        token.pull_out()
        with pytest.raises(SealError) as caught:
            signer.sign(DATA)
    assert caught.value.code is SealRefusal.KEY_UNAVAILABLE
    assert refusal(token.uri("object=release")).code is SealRefusal.KEY_UNAVAILABLE


@pytest.mark.parametrize("library", ["/none.so", "/etc/hostname"])
def test_a_library_that_is_none(token: SoftToken, library: str) -> None:
    place = token.uri("object=release").replace(token.library, library)
    error = refusal(place)
    assert (error.code, library in error.detail) == (SealRefusal.KEY_UNAVAILABLE, True)


@pytest.mark.parametrize("curve", ["secp256r1", "edwards25519"])
def test_a_module_is_sealed_by_a_token(token: SoftToken, curve: str) -> None:
    token.make_key("sealing", 5, curve)
    with open_signer(token.uri("object=sealing"), secrets=with_pin()) as owner:
        sealed = seal_for(
            SMALL,
            name="acme/scoring",
            version=7,
            policy_name="acme/prod",
            capabilities=makers.CAPABILITIES,
            broker_identity=makers.IDENTITY.key_id,
            broker_key=makers.BROKER.public,
            owner=owner,
            now=makers.NOW,
        )
        public = owner.public
    artifact = verify_artifact(sealed.manifest, sealed.config, [sealed.bundle], owners=[public])
    assert artifact.owner == public


def test_the_command_line_lists_and_shows(
    token: SoftToken, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(*arguments: str) -> Any:
        assert run_command(["key", *arguments, "-o", "json"], Session()) == 0
        return json.loads(capsys.readouterr().out)

    (listed,) = answer("list", token.uri(""))
    shown = answer("show", listed["place"])
    assert VerifyingKey.from_pem(shown["pem"].encode()).key_id == listed["key_id"]


def test_a_command_signs_with_it(
    token: SoftToken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pin = tmp_path / "pin"
    pin.write_text(f"{PIN}\n")
    pin.chmod(0o600)
    place = token.uri("object=release")
    value = ["--tee", "snp", "--measurement", "ab" * 48, "--name", "runner 1.0"]
    command = ["reference", "add", "values.json", *value, "--sign-key"]
    assert run_command([*command, place, "--passphrase-file", str(pin)], Session()) == 0
    public = read_public_uri(place, secrets=with_pin())
    values = read_references(Path("values.json").read_bytes(), [public])
    assert len(values.values) == 1
    pin.chmod(0o644)
    with_source = token.uri("object=release", f"&pin-source={pin}")
    assert run_command([*command, with_source], Session()) == 2
