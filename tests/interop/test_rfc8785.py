"""A second implementation of RFC 8785, in JavaScript, writes every document as we do."""

from __future__ import annotations

import base64
import json
import random
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from attestation.encoding import canonical_json
from sealing import canonical
from tests.fakes.world import World, make_world

# RFC 8785 section 3.2.3: members sorted by UTF-16 code units, which is how JavaScript sorts;
# section 3.2.2: strings and numbers as ECMAScript writes them.
SCRIPT = """
const write = v => Array.isArray(v) ? '[' + v.map(write).join(',') + ']'
  : v !== null && typeof v === 'object'
  ? '{' + Object.keys(v).sort().map(k => JSON.stringify(k) + ':' + write(v[k])).join(',') + '}'
  : JSON.stringify(v);
const lines = require('fs').readFileSync(0, 'utf8').split('\\n').filter(line => line);
process.stdout.write(lines.map(line => write(JSON.parse(line)) + '\\n').join(''));
"""
# One character of every kind that escapes, sorts or encodes in its own way.
CHARACTERS = "\x00\x01\b\t\n\f\r\x1f \"'/09AZ\\_az\x7f\x80éÿ\u2028\u2029\ud7ff\ue000ﬁ\uffff😀𐀀"
SAFE = 2**53 - 1
VALUES = 3_000


def theirs(texts: Sequence[str]) -> list[bytes]:
    """The same JSON texts as JavaScript writes them."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node, for a second implementation of RFC 8785")
    done = subprocess.run(
        [node, "-e", SCRIPT],
        input="\n".join(texts).encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stdout.removesuffix(b"\n").split(b"\n")


def any_value(chance: random.Random, depth: int = 4) -> Any:
    """A JSON value as our formats know it: no fractions, integers that a double holds."""
    kind = chance.randrange(6 if depth else 4)
    if kind == 0:
        return chance.choice([None, True, False])
    if kind == 1:
        return chance.choice([0, 1, -1, SAFE, -SAFE, chance.randrange(-SAFE, SAFE)])
    if kind in (2, 3):
        return any_text(chance)
    members = [any_value(chance, depth - 1) for _ in range(chance.randrange(5))]
    return members if kind == 4 else {any_text(chance): member for member in members}


def any_text(chance: random.Random) -> str:
    return "".join(chance.choices(CHARACTERS, k=chance.randrange(6)))


def test_any_value_is_written_alike() -> None:
    chance = random.Random(8785)
    values = [any_value(chance) for _ in range(VALUES)]
    # ASCII on the way there, so that no line is broken by what a string holds.
    for value, expected in zip(values, theirs([json.dumps(v) for v in values]), strict=True):
        assert canonical.encode(value) == expected
        assert canonical_json(value) == expected
        assert canonical.parse_canonical(expected, limit_bytes=10_000, what="value") == value


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with make_world(tmp_path_factory.mktemp("world")) as made:
        yield made


def payload_of(envelope: bytes) -> bytes:
    return base64.b64decode(json.loads(envelope)["payload"])


def documents(world: World) -> dict[str, bytes]:
    """One document of every kind that travels or is signed."""
    runner = world.runner()
    body = runner.request(world.challenge())
    answer = world.release(body)
    release = runner.verify(answer, world).document
    module = runner.module
    enrolment = world.owner_document(world.owner)
    assert runner.binding is not None
    return {
        "manifest": module.manifest,
        "config": module.config,
        "bundle": module.bundle,
        "statement": payload_of(json.dumps(json.loads(module.bundle)["dsseEnvelope"]).encode()),
        "descriptor": world.broker.descriptor,
        "what the descriptor says": payload_of(world.broker.descriptor),
        "request": body,
        "binding": runner.binding.to_bytes(),
        "answer": answer,
        "release": payload_of(json.loads(answer)["release"].encode()),
        "leaf": release.leaf,
        "enrolment": enrolment,
        "what the enrolment says": payload_of(enrolment),
    }


def test_every_document_is_in_the_one_form(world: World) -> None:
    ours = documents(world)
    written = theirs([json.dumps(json.loads(document)) for document in ours.values()])
    assert dict(zip(ours, written, strict=True)) == ours
