"""Authorities of one's own and client certificates, against a real TLS server on loopback."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from sealing.errors import SealRefusal
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.settings import PlainHttp, RegistrySettings
from sealing.oci.registry.tls import ClientCertificate, registry_tls
from tests.fakes.certificates import Authority
from tests.fakes.registry import FakeRegistry, running
from tests.unit.sealing.oci.samples import refusal

UNUSABLE = SealRefusal.CREDENTIALS_UNUSABLE


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def registry(authority: Authority) -> Iterator[FakeRegistry]:
    """A registry that shows a certificate of the authority, and takes one of its clients."""
    server = authority.server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate_file, server.key_file)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_OPTIONAL
    with running(FakeRegistry(), socket=partial(context.wrap_socket, server_side=True)) as registry:
        yield registry


def ping(registry: FakeRegistry, settings: RegistrySettings, tls: ssl.SSLContext) -> None:
    secure = replace(settings, plain_http=PlainHttp.NEVER, tls=tls)
    with RegistryClient(registry.reference(), settings=secure) as client:
        client.ping()


@pytest.mark.parametrize("public_too", [False, True])
def test_authority_of_ones_own(
    registry: FakeRegistry, settings: RegistrySettings, authority: Authority, public_too: bool
) -> None:
    ping(registry, settings, registry_tls(authority.file.read_bytes(), public_too=public_too))


def test_public_ones_count_only_when_said(authority: Authority) -> None:
    def count(tls: ssl.SSLContext) -> int:
        return tls.cert_store_stats()["x509_ca"]

    data = authority.file.read_bytes()
    assert count(registry_tls(data)) == 1
    assert count(registry_tls(data, public_too=True)) == count(registry_tls()) + 1 > 50


def test_another_authority(
    registry: FakeRegistry, settings: RegistrySettings, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other").file.read_bytes()
    for tls in (registry_tls(other), registry_tls()):
        assert refusal(ping, registry, settings, tls) is SealRefusal.REGISTRY_UNTRUSTED


def test_another_name(settings: RegistrySettings, authority: Authority) -> None:
    server = authority.server("elsewhere", "127.0.0.2")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate_file, server.key_file)
    wrap = partial(context.wrap_socket, server_side=True)
    with running(FakeRegistry(), socket=wrap) as registry:
        tls = registry_tls(authority.file.read_bytes())
        assert refusal(ping, registry, settings, tls) is SealRefusal.REGISTRY_UNTRUSTED


def test_client_certificate(
    registry: FakeRegistry, settings: RegistrySettings, authority: Authority
) -> None:
    one = authority.client()
    shown = ClientCertificate(one.certificate_file, one.key_file)
    ping(registry, settings, registry_tls(authority.file.read_bytes(), client=shown))


def test_what_is_no_authority(authority: Authority) -> None:
    server = authority.server()
    for data in (b"", b"x", b"\xff", server.key_file.read_bytes()):
        assert refusal(registry_tls, data) is UNUSABLE
    assert refusal(registry_tls, server.certificate_file.read_bytes()) is UNUSABLE


@pytest.mark.parametrize("wrong", ["absent", "swapped", "of-another", "encrypted"])
def test_what_is_no_client_certificate(authority: Authority, tmp_path: Path, wrong: str) -> None:
    one, other = authority.client("one"), authority.client("other")
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(
        one.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"nobody is asked for this"),
        )
    )
    client = {
        "absent": ClientCertificate(tmp_path / "absent", one.key_file),
        "swapped": ClientCertificate(one.key_file, one.certificate_file),
        "of-another": ClientCertificate(one.certificate_file, other.key_file),
        "encrypted": ClientCertificate(one.certificate_file, encrypted),
    }[wrong]
    assert refusal(registry_tls, client=client) is UNUSABLE
