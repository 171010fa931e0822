"""Any bytes into any reader of `sealing`: a value or a SealError, never another exception."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealing import canonical
from sealing.bill import bill_of, parse_bill
from sealing.config import ModuleConfig
from sealing.envelope import Envelope
from sealing.errors import SealError
from sealing.manifest import SealedManifest
from sealing.signatures.bundle import UnverifiedBundle
from sealing.signatures.statement import SealedModuleStatement, unverified_key_hint
from sealing.unseal import verify_artifact
from sealing.wasm.component_sections import COMPONENT_HEADER
from tests.unit.sealing.makers import OWNER, make

GOOD = make()
SAMPLES = {
    SealedManifest.parse: GOOD.manifest,
    ModuleConfig.parse: GOOD.config,
    UnverifiedBundle.parse: GOOD.bundles[0],
    unverified_key_hint: GOOD.bundles[0],
    SealedModuleStatement.parse: UnverifiedBundle.parse(GOOD.bundles[0])._payload,
    Envelope.parse: SealedManifest.parse(GOOD.manifest).envelopes[0].to_bytes(),
}
readers = pytest.mark.parametrize("read", SAMPLES, ids=lambda read: read.__qualname__)

SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=9)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=9,
)


def survives(read, data: object) -> bool:
    try:
        read(data)
    except SealError:
        return True
    return True


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Return the path of every value in a document."""
    found = [path]
    if isinstance(value, dict):
        items = value.items()
    else:
        items = enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def replaced(document: object, path: tuple, value: object) -> object:
    if not path:
        return value
    holder = document
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return document


@readers
@given(data=st.binary(max_size=99))
def test_any_bytes(read, data: bytes) -> None:
    assert survives(read, data)


@readers
@given(data=st.data())
def test_any_value_in_any_place(read, data: st.DataObject) -> None:
    document = canonical.parse_json(SAMPLES[read], limit_bytes=1 << 20, what="sample")
    path = data.draw(st.sampled_from(places(document)))
    changed = replaced(document, path, data.draw(VALUES))
    try:
        encoded = canonical.encode(changed)
    except SealError:
        return
    assert survives(read, encoded)


@given(VALUES)
def test_any_value_as_a_bill(value: object) -> None:
    for kind in ({}, {"kind": "core"}, {"kind": "component"}):
        assert survives(parse_bill, value | kind if isinstance(value, dict) else value)


@given(st.binary(max_size=400))
def test_any_bytes_behind_the_header_of_a_component(data: bytes) -> None:
    assert survives(bill_of, COMPONENT_HEADER + data)


@given(st.binary(max_size=99), st.binary(max_size=99), st.lists(st.binary(max_size=99)))
def test_any_bytes_as_an_artifact(manifest: bytes, config: bytes, bundles: list[bytes]) -> None:
    for first in (manifest, GOOD.manifest):
        for second in (config, GOOD.config):
            with pytest.raises(SealError):
                verify_artifact(first, second, bundles, owners=[OWNER.public])
