"""Every vector of docs/specs/registry-access.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sealing.errors import SealError
from sealing.oci.registry.challenge import parse_challenges
from sealing.oci.registry.credentials import Credential, IdentityToken, RegistryToken
from sealing.oci.registry.docker_config import parse_docker_config, parse_helper_answer
from sealing.oci.registry.settings import BasicCredentials
from sealing.oci.registry.token import parse_token

FOLDER = Path(__file__).parents[3] / "vectors" / "registry_auth"
CASES = sorted(FOLDER.glob("*/case.json"))


def told(credential: Credential | None) -> list[str] | None:
    match credential:
        case BasicCredentials():
            return ["password", credential.username, credential.password]
        case IdentityToken():
            return ["identity", credential.token]
        case RegistryToken():
            return ["registry", credential.token]
    return None


def challenge(case: dict[str, Any], _: bytes) -> object:
    return [[one.scheme, one.parameters] for one in parse_challenges(case["lines"])]


def token(_: dict[str, Any], data: bytes) -> object:
    answer = parse_token(data)
    return [answer.value.removeprefix("Bearer "), answer.seconds]


def config(case: dict[str, Any], data: bytes) -> object:
    asked: list[str] = []

    def ask(name: str, server: str) -> None:
        asked.extend(["helper", name, server])

    found = parse_docker_config(data, ask).find(case["registry"], case["repository"])
    return asked or told(found)


def helper(_: dict[str, Any], data: bytes) -> object:
    return told(parse_helper_answer(data))


STAGES = {
    "challenge": (challenge, lambda case: case["challenges"]),
    "token": (token, lambda case: [case["token"], case["seconds"]]),
    "config": (config, lambda case: case["found"]),
    "helper": (helper, lambda case: case["found"]),
}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    file = path.parent / "data.bin"
    data = file.read_bytes() if file.exists() else b""
    act, expected = STAGES[case["stage"]]
    if case["expect"] == "accepted":
        assert act(case, data) == expected(case)
        return
    with pytest.raises(SealError) as caught:
        act(case, data)
    assert caught.value.code == case["expect"]
    assert "s3cr3t" not in str(caught.value)


def test_most_cases_are_refusals() -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert len(CASES) >= 120
    assert refused >= 0.55 * len(CASES)
