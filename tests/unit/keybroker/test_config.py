"""broker.yaml and the folder around it: exact or refused, wholly there or not at all."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from keybroker import limits
from keybroker.edge.serve import open_broker
from keybroker.errors import BrokerCode, BrokerError
from keybroker.settings.config import FILE_NAME, parse_config
from keybroker.settings.initialise import EvidenceFiles, NewBroker, init_broker
from keybroker.settings.models import load_settings
from keybroker.settings.named_files import read_named
from sealing.keys import SigningKey
from tests.fakes.silicon import MEASUREMENT, make_platform
from tests.fakes.world import make_world, references

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
REFERENCES = references(MEASUREMENT)


def members(**changes: Any) -> bytes:
    document: dict[str, Any] = {
        "version": 1,
        "origin": "broker.example/log",
        "operator": "operator.pem",
        "evidence": {"references": "references.json"},
    }
    return yaml.safe_dump(document | changes).encode()


def new_broker(**changes: Any) -> NewBroker:
    arguments: dict[str, Any] = {
        "operator": SigningKey.generate("ed25519").public,
        "origin": "broker.example/log",
        "evidence": EvidenceFiles(REFERENCES),
    }
    return NewBroker(**(arguments | changes))


def refusal(call: Any, *args: Any, **kwargs: Any) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        call(*args, **kwargs)
    return caught.value


@pytest.mark.parametrize(
    "proxies",
    [
        {"addresses": ["10.0.0.1"]},
        {"header": "forwarded"},
        {"addresses": [], "header": "forwarded"},
        {"addresses": ["0.0.0.0/0"], "header": "forwarded"},
        {"addresses": ["::/0"], "header": "forwarded"},
        {"addresses": ["10.0.0.1/24"], "header": "forwarded"},
        {"addresses": ["proxy.example"], "header": "forwarded"},
        {"addresses": ["10.0.0.1"], "header": "x-real-ip"},
    ],
)
def test_proxies_are_named_and_so_is_their_header(proxies: dict[str, Any]) -> None:
    assert refusal(parse_config, members(proxies=proxies)).code is BrokerCode.CONFIG_INVALID


def test_named_proxies_are_believed() -> None:
    named = {"addresses": ["10.0.0.1", "2001:db8::/64"], "header": "forwarded"}
    config = parse_config(members(proxies=named))
    assert config.proxies is not None
    headers = [(b"forwarded", b"for=192.0.2.1")]
    assert config.proxies.to_sources().of("2001:db8::7", headers) == "192.0.2.1"
    assert parse_config(members()).proxies is None


def test_smallest_file_listens_on_loopback_and_trusts_no_simulation() -> None:
    config = parse_config(members())
    assert (config.listen.host, config.listen.port) == ("127.0.0.1", 8440)
    assert config.operations.port == 8441
    assert config.evidence.simulated is None
    assert config.evidence.crl == "required"
    assert config.guardrails == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"version": True},
        {"surplus": 1},
        {"origin": "two words"},
        {"listen": {"port": -1}},
        {"listen": {"port": 65536}},
        {"listen": {"port": "80"}},
        {"operator": ""},
        {"evidence": {}},
        {"evidence": {"references": "r", "crl": "maybe"}},
        {"evidence": {"references": "r", "simulated": {"root": "r"}}},
        {"evidence": {"references": "r", "simulated": {"root": "r", "fingerprint": "ab"}}},
        {"guardrails": ["g"] * 65},
        {"challenges": {"burst": 0, "per-second": 1}},
        {"releases": {"burst": 1}},
        {"quota": {"live-leases": 0}},
    ],
)
def test_wrong_member_is_refused(changes: dict[str, Any]) -> None:
    assert refusal(parse_config, members(**changes)).code is BrokerCode.CONFIG_INVALID


@pytest.mark.parametrize("data", [b"", b"[]", b"a: 1\na: 2\n", b"a: &x 1\n", b"\xff", b"a: *x\n"])
def test_anything_else_is_refused(data: bytes) -> None:
    assert refusal(parse_config, data).code is BrokerCode.CONFIG_INVALID


@pytest.mark.parametrize(("surplus", "ok"), [(-1, True), (0, True), (1, False)])
def test_file_has_a_limit(surplus: int, ok: bool) -> None:
    data = members()
    data += b"#" * (limits.CONFIG_BYTES - len(data) + surplus)
    if ok:
        parse_config(data)
    else:
        assert refusal(parse_config, data).code is BrokerCode.CONFIG_INVALID


@pytest.mark.parametrize(("surplus", "ok"), [(-1, True), (0, True), (1, False)])
def test_named_file_has_a_limit(tmp_path: Path, surplus: int, ok: bool) -> None:
    (tmp_path / "f").write_bytes(bytes(limits.NAMED_FILE_BYTES + surplus))
    if ok:
        read_named(tmp_path, "f")
    else:
        assert refusal(read_named, tmp_path, "f").code is BrokerCode.CONFIG_INVALID


def test_new_broker_is_whole_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "broker"
    keys = init_broker(folder, new_broker(), now=NOW)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with open_broker(folder) as broker:
        assert broker.releases.keys.identity.key_id == keys.identity.key_id
        assert not broker.releases.trust.simulated
        assert broker.store.tree_size() == 1
    assert [path.name for path in folder.parent.iterdir()] == ["broker"]


def test_new_broker_takes_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    init_broker(tmp_path / "broker", new_broker(), now=NOW)


def test_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "mine").write_text("mine")
    error = refusal(init_broker, tmp_path / "broker", new_broker(), now=NOW)
    assert error.code is BrokerCode.STORE_EXISTS
    assert [path.name for path in tmp_path.rglob("*")] == ["broker", "mine"]


@pytest.mark.parametrize(
    "changes",
    [
        {"evidence": EvidenceFiles(b"{}")},
        {"evidence": EvidenceFiles(REFERENCES, simulated_root=b"no root")},
        {"evidence": EvidenceFiles(REFERENCES, certificates=b"\x30")},
        {"evidence": EvidenceFiles(REFERENCES, crl=b"\x30")},
        {"guardrails": {"g.yaml": b"kind: Guardrails"}},
        {"guardrails": {"../g.yaml": b""}},
        {"origin": "two words"},
    ],
)
def test_bad_input_leaves_nothing_behind(tmp_path: Path, changes: dict[str, Any]) -> None:
    error = refusal(init_broker, tmp_path / "broker", new_broker(**changes), now=NOW)
    assert error.code is BrokerCode.CONFIG_INVALID
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = refusal(init_broker, tmp_path / "file" / "broker", new_broker(), now=NOW)
    assert error.code is BrokerCode.STORE_EXISTS


def test_vendor_root_is_no_simulated_one(tmp_path: Path) -> None:
    """`simulated` is no way to trust a further vendor."""
    platform = make_platform(tmp_path / "tee")
    ask = platform.endorsements_pem().split(b"-----END CERTIFICATE-----")[0]
    pem = ask + b"-----END CERTIFICATE-----\n"
    evidence = EvidenceFiles(REFERENCES, simulated_root=pem)
    error = refusal(init_broker, tmp_path / "broker", new_broker(evidence=evidence), now=NOW)
    assert error.code is BrokerCode.CONFIG_INVALID


def test_root_must_have_the_fingerprint_that_was_configured(tmp_path: Path) -> None:
    with make_world(tmp_path):
        pass
    folder = tmp_path / "broker"
    document = yaml.safe_load((folder / FILE_NAME).read_text())
    document["evidence"]["simulated"]["fingerprint"] = "sha256:" + "0" * 64
    config = parse_config(yaml.safe_dump(document).encode())
    assert refusal(load_settings, folder, config).code is BrokerCode.CONFIG_INVALID


@pytest.mark.parametrize("name", ["operator.pem", "references.json", "simulated-root.pem"])
def test_named_file_that_is_gone(tmp_path: Path, name: str) -> None:
    with make_world(tmp_path):
        pass
    (tmp_path / "broker" / name).unlink()
    with pytest.raises(BrokerError) as caught, open_broker(tmp_path / "broker"):
        pass
    assert caught.value.code is BrokerCode.CONFIG_INVALID
