"""What an artifact is made of and how it is signed, before anybody is believed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from sealing.config import ModuleConfig
from sealing.envelope import Envelope
from sealing.errors import SealError
from sealing.limits import JSON_VALUES
from sealing.oci.descriptor import parse_manifest
from sealing.oci.index import Index
from sealing.signatures import dsse
from sealing.signatures.bundle import UnverifiedBundle
from sealing.signatures.statement import SealedModuleStatement
from tests.fuzz.target import Target
from tests.fuzz.worst_json import texts

VECTORS = Path(__file__).parents[2] / "vectors"
GOOD = VECTORS / "sealed-module" / "owner-p256"


def _or_refused(read: Callable[[bytes], object]) -> Callable[[bytes], object]:
    def run(data: bytes) -> object:
        try:
            return read(data)
        except SealError:
            return None

    return run


def _index(data: bytes) -> object:
    index = Index.parse(data, "index.json")
    return index.entries, index.tags


def _bundle() -> bytes:
    return (GOOD / "bundle-0.json").read_bytes()


def _statement() -> bytes:
    return UnverifiedBundle.parse(_bundle()).unverified_payload


def _capabilities() -> Iterator[bytes]:
    """Give statements whose capability policy is anything."""
    document = json.loads(_statement())["predicate"]["capabilities"]["document"]
    written = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    before, after = _statement().split(written)
    return texts(before + b'{"x":', b"}" + after)


def _bills() -> Iterator[bytes]:
    """Give statements that list as many exports as a stranger's may; see `limits.JSON_VALUES`."""
    statement = json.loads(_statement())
    for length in (1, 20, 60):
        export = {"kind": "func", "name": "e" * length, "type": "(func (param i32))"}
        exports = [export] * (JSON_VALUES // (len(export) + 1))
        statement["predicate"]["bill-of-materials"]["exports"] = exports
        yield json.dumps(statement, separators=(",", ":"), sort_keys=True).encode()


def _worst_statements() -> Iterator[bytes]:
    yield from _capabilities()
    yield from _bills()


def _indexes() -> Iterator[bytes]:
    for entry in (b'{"digest":0},', b"0,", b'{"annotations":{"a":"b"}},'):
        yield b'{"manifests":[' + entry * 1023 + b'{}],"schemaVersion":2}'
    yield from texts(b'{"schemaVersion":2,"x":', b',"manifests":[]}')


TARGETS = [
    Target("statement", _or_refused(SealedModuleStatement.parse), lambda: [_statement()],
           _worst_statements),
    Target("owner-bundle", _or_refused(UnverifiedBundle.parse), lambda: [_bundle()], texts),
    Target("dsse", _or_refused(dsse.unverified_signers), lambda: [_bundle()], texts),
    Target("envelope", _or_refused(Envelope.parse),
           lambda: [path.read_bytes() for path in (VECTORS / "envelope").glob("*/envelope.json")]),
    Target("config", _or_refused(ModuleConfig.parse),
           lambda: [(GOOD / "config.json").read_bytes()]),
    Target("manifest-facts", _or_refused(parse_manifest),
           lambda: [(GOOD / "manifest.json").read_bytes()], texts),
    Target("index", _or_refused(_index),
           lambda: [b'{"schemaVersion":2,"manifests":[{"digest":"sha256:00"}]}'], _indexes),
]  # fmt: skip
