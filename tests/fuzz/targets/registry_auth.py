"""What registries, token servers, helpers and files of other tools say about who we are."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from sealing.errors import SealError
from sealing.oci.registry.auth import realm_url
from sealing.oci.registry.challenge import Challenge, parse_challenges
from sealing.oci.registry.credentials import Credential
from sealing.oci.registry.docker_config import parse_docker_config, parse_helper_answer
from sealing.oci.registry.realm import parse_realm_rule
from sealing.oci.registry.token import parse_token
from tests.fuzz.target import Target
from tests.fuzz.worst_json import texts

VECTORS = Path(__file__).parents[2] / "vectors" / "registry_auth"
HOSTS = ("registry.example.com", "docker.io", "localhost:5000")


def _refusing(read: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """Take `sealing`'s refusal for an answer; anything else still leaves the target."""

    def run(data: bytes) -> None:
        with contextlib.suppress(SealError):
            read(data)

    return run


def _challenge(data: bytes) -> object:
    # As httpx gives a header: one character for each byte, of one line or of several.
    return parse_challenges(data.decode("latin-1").split("\n"))


def _realm(data: bytes) -> httpx.URL:
    return realm_url(Challenge("bearer", {"realm": data.decode("latin-1")}))


def _config(data: bytes) -> object:
    def ask(name: str, server: str) -> Credential | None:
        if "/" in name or not name:
            raise AssertionError(name)
        return None

    config = parse_docker_config(data, ask)
    return [config.find(host, "a/b") for host in HOSTS]


def _challenges() -> list[bytes]:
    cases = [json.loads(path.read_bytes()) for path in VECTORS.glob("challenge-*/case.json")]
    texts = sorted("\n".join(case["lines"]) for case in cases)
    return [text.encode("latin-1") for text in texts if len(text) < 1024]


def _configs() -> Iterator[bytes]:
    for entry in (
        '"https://h%s/v1/":{}',
        '"h%s":{"auth":"YTpi"}',
        '"https://docker.io/%s":{"auth":"YTpi"}',
    ):
        entries = ",".join(entry % number for number in range(4096))
        yield f'{{"auths":{{{entries}}}}}'.encode()
    yield from texts(b'{"x":', b"}")


def _seeds(stage: str) -> Callable[[], list[bytes]]:
    found = sorted(VECTORS.glob(f"{stage}-*/data.bin"))
    return lambda: [data for data in map(Path.read_bytes, found) if len(data) < 1024]


TARGETS = [
    Target("registry-challenge", _refusing(_challenge), _challenges),
    Target("registry-realm", _refusing(_realm), lambda: [b"https://auth.example.com/token?a=b"]),
    Target("registry-token", _refusing(parse_token), _seeds("token")),
    Target("docker-config", _refusing(_config), _seeds("config"), _configs),
    Target("credential-helper", _refusing(parse_helper_answer), _seeds("helper")),
    Target(
        "registry-realm-rule",
        _refusing(lambda data: parse_realm_rule(data.decode("latin-1"))),
        lambda: [b"docker.io=auth.docker.io:8443"],
    ),
]
