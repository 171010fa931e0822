"""Keys in AWS KMS (moto, on loopback) and in Vault (a transit engine of ours, on loopback)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from sealing.errors import SealError, SealRefusal
from sealing.signers.open import Secrets, open_signer, read_public_uri
from tests.fakes.aws_kms import running_kms
from tests.fakes.transit import TOKEN, Transit, running_transit

DATA = b"what an owner signs" * 100


def _never(_: str) -> bytes:
    raise AssertionError("services ask nobody here")


NONE = Secrets(_never, _never)


def refusal(place: str, secrets: Secrets = NONE) -> SealError:
    with pytest.raises(SealError) as caught, open_signer(place, secrets=secrets):
        pass
    return caught.value


def signing_refusal(place: str, before: Any) -> SealError:
    with open_signer(place, secrets=NONE) as signer:
        before()
        with pytest.raises(SealError) as caught:
            signer.sign(DATA)
    return caught.value


@pytest.fixture(autouse=True)
def nobodys_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what this machine knows about services away from the clients."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "VAULT_TOKEN", "VAULT_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with running_kms() as address:
        yield address


@pytest.fixture
def aws(moto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    credentials = tmp_path / "credentials"
    credentials.write_text("[default]\naws_access_key_id = test\naws_secret_access_key = test\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", moto)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return boto3.client("kms")


def make_key(aws: Any, spec: str = "ECC_NIST_P256", usage: str = "SIGN_VERIFY") -> dict[str, Any]:
    made: dict[str, Any] = aws.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    return made


@pytest.mark.parametrize("form", ["id", "arn", "alias"])
def test_aws_signs_for_the_public_key_that_it_shows(aws: Any, form: str) -> None:
    made = make_key(aws)
    alias = f"alias/release-{made['KeyId']}"
    aws.create_alias(AliasName=alias, TargetKeyId=made["KeyId"])
    place = "awskms:" + {"id": made["KeyId"], "arn": made["Arn"], "alias": alias}[form]
    with open_signer(place, secrets=NONE) as signer:
        signature = signer.sign(DATA)
        signer.public.verify(signature, DATA)
        assert signer.kind == "p256"
        assert read_public_uri(place, secrets=NONE) == signer.public


@pytest.mark.parametrize(
    ("spec", "usage"),
    [
        ("ECC_NIST_P384", "SIGN_VERIFY"),
        ("ECC_SECG_P256K1", "SIGN_VERIFY"),
        ("RSA_2048", "SIGN_VERIFY"),
        ("RSA_2048", "ENCRYPT_DECRYPT"),
    ],
)
def test_aws_keys_of_other_kinds(aws: Any, spec: str, usage: str) -> None:
    made = make_key(aws, spec, usage)
    code = refusal(f"awskms:{made['KeyId']}").code
    expected = SealRefusal.KEY_UNAVAILABLE if usage != "SIGN_VERIFY" else SealRefusal.KEY_INVALID
    assert code is expected


def test_aws_key_that_is_not_there(aws: Any) -> None:
    error = refusal("awskms:alias/none")
    assert (error.code, "NotFoundException" in error.detail) == (SealRefusal.KEY_UNAVAILABLE, True)


def test_aws_key_that_goes_away(aws: Any) -> None:
    aws.create_alias(AliasName="alias/gone", TargetKeyId=make_key(aws)["KeyId"])
    error = signing_refusal("awskms:alias/gone", lambda: aws.delete_alias(AliasName="alias/gone"))
    assert (error.code, "NotFoundException" in error.detail) == (SealRefusal.KEY_UNAVAILABLE, True)


def test_aws_alias_that_is_moved_to_another_key(aws: Any) -> None:
    first, second = make_key(aws)["KeyId"], make_key(aws)["KeyId"]
    aws.create_alias(AliasName="alias/moved", TargetKeyId=first)
    error = signing_refusal(
        "awskms:alias/moved",
        lambda: aws.update_alias(AliasName="alias/moved", TargetKeyId=second),
    )
    assert error.code is SealRefusal.SIGNATURE_INVALID


def test_aws_without_credentials_or_network(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")
    assert refusal("awskms:alias/a").code is SealRefusal.KEY_UNAVAILABLE
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/none")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert "NoCredentialsError" in refusal("awskms:alias/a").detail


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Transit]:
    (tmp_path / ".vault-token").write_text(TOKEN)
    with running_transit() as transit:
        monkeypatch.setenv("VAULT_ADDR", transit.address)
        transit.add_version("release")
        yield transit


def test_vault_signs_with_the_newest_or_the_named_version(vault: Transit) -> None:
    vault.add_version("release")
    for place, number in (("hv:release", 1), ("hv:release/1", 0), ("hv:release/2", 1)):
        with open_signer(place, secrets=NONE) as signer:
            signer.public.verify(signer.sign(DATA), DATA)
        raw = vault.keys["release"][number].public_key().public_bytes_raw()
        assert signer.public.spki.endswith(raw)
        assert read_public_uri(place, secrets=NONE) == signer.public
    assert vault.signed == [DATA] * 3


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("hv:none", SealRefusal.KEY_UNAVAILABLE),
        ("hv:release/2", SealRefusal.KEY_NOT_FOUND),
    ],
)
def test_vault_key_that_is_not_there(vault: Transit, place: str, code: SealRefusal) -> None:
    assert refusal(place).code is code


def test_vault_key_of_another_kind(vault: Transit) -> None:
    vault.kind = "ecdsa-p256"
    assert refusal("hv:release").code is SealRefusal.KEY_INVALID


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        "text",
        {"data": None},
        {"data": {"type": "ed25519", "keys": {}}},
        {"data": {"type": "ed25519", "keys": []}},
        {"data": {"type": "ed25519", "keys": {"one": {}}}},
        {"data": {"type": "ed25519", "keys": {"1": {"public_key": "AAAA"}}}},
        {"data": {"type": "ed25519", "keys": {"1": {"public_key": 7}}}},
    ],
)
def test_vault_that_describes_no_key(vault: Transit, answer: Any) -> None:
    vault.answer_next(answer)
    code = refusal("hv:release").code
    assert code in {SealRefusal.KEY_NOT_FOUND, SealRefusal.KEY_INVALID}


@pytest.mark.parametrize(
    "answer",
    [{}, [], {"data": {}}, {"data": {"signature": "vault:v1"}}, {"data": {"signature": 1}}],
)
def test_vault_that_signs_nothing(vault: Transit, answer: Any) -> None:
    error = signing_refusal("hv:release", lambda: vault.answer_next(answer))
    assert error.code is SealRefusal.KEY_UNAVAILABLE


def test_vault_whose_signature_does_not_hold(vault: Transit) -> None:
    error = signing_refusal("hv:release", lambda: vault.replace("release"))
    assert error.code is SealRefusal.SIGNATURE_INVALID


def test_vault_that_takes_the_token_no_more(vault: Transit) -> None:
    error = signing_refusal("hv:release", vault.revoke_token)
    assert error.code is SealRefusal.KEY_UNAVAILABLE
    assert TOKEN not in str(error)


def test_vault_is_not_asked_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", "http://vault.example:8200")
    assert refusal("hv:release").code is SealRefusal.PLAIN_HTTP_REFUSED


def test_vault_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    assert refusal("hv:release").code is SealRefusal.KEY_UNAVAILABLE


@pytest.mark.parametrize(
    "place",
    [
        "awskms:",
        "awskms:release",
        "awskms:alias/",
        "awskms:alias/a b",
        "awskms:///alias/release",
        "awskms:arn:aws:kms:eu-central-1:1:key/a",
        "awskms:12345678-1234-1234-1234-1234567890AB",
        "hv:",
        "hv:a/0",
        "hv:a/b",
        "hv:a/1/2",
        "hv:../sys",
        "hv:a%2fb",
        "gcpkms:projects/a",
        "azurekms:vault/a",
    ],
)
def test_names_that_are_none(place: str) -> None:
    assert refusal(place).code is SealRefusal.KEY_URI


@pytest.mark.parametrize("scheme", ["awskms", "hv"])
def test_names_are_bounded_and_take_no_passphrase(scheme: str) -> None:
    assert refusal(f"{scheme}:{'a' * 4096}").code is SealRefusal.TOO_LARGE
    given = Secrets(_never, _never, b"pw")
    assert refusal(f"{scheme}:a", given).code is SealRefusal.KEY_PASSPHRASE
