"""A module is read once, its owner is asked for every time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from keybroker.errors import BrokerCode, BrokerError
from keybroker.limits import CACHED_MODULE_BYTES
from keybroker.modules import Modules
from keybroker.store.protocol import OwnerRow
from sealing.errors import SealError
from sealing.seal import SealedModule
from tests.fakes.world import capabilities
from tests.unit.sealing import makers
from tests.vectors.release_world import MODULE, sealed

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Owners:
    """Who is enrolled, and who was asked for."""

    enrolled: bool = True
    asked: list[str] = field(default_factory=list)

    def find(self, key_id: str) -> OwnerRow | None:
        self.asked.append(key_id)
        if not self.enrolled or key_id != makers.OWNER.key_id:
            return None
        return OwnerRow(key_id, "acme", makers.OWNER.public.spki, NOW)


def verify(modules: Modules, module: SealedModule = MODULE) -> object:
    return modules.verify(module.manifest, [module.bundle])


def test_module_is_read_once() -> None:
    modules = Modules(Owners().find)
    assert verify(modules) is verify(modules)


def test_owner_is_asked_for_every_time() -> None:
    owners = Owners()
    modules = Modules(owners.find)
    verify(modules)
    owners.enrolled = False
    with pytest.raises(BrokerError) as caught:
        verify(modules)
    assert caught.value.code is BrokerCode.OWNER_UNKNOWN
    assert owners.asked == [makers.OWNER.key_id] * 2


def test_other_signature_on_a_known_manifest_is_read() -> None:
    modules = Modules(Owners().find)
    verify(modules)
    with pytest.raises(SealError):
        modules.verify(MODULE.manifest, [sealed(version=9).bundle])


@pytest.mark.parametrize("signatures", [[], [MODULE.bundle] * 2])
def test_one_signature_and_no_other(signatures: list[bytes]) -> None:
    with pytest.raises(SealError):
        Modules(Owners().find).verify(MODULE.manifest, signatures)


def test_refused_module_is_not_remembered() -> None:
    modules = Modules(Owners().find)
    for _ in range(2):
        with pytest.raises(SealError):
            modules.verify(MODULE.manifest + b"\n", [MODULE.bundle])


def test_large_module_is_read_every_time() -> None:
    text = {"text": "x" * CACHED_MODULE_BYTES}
    mount = {"path": "/data", "source": "inline", "max-bytes": "1MiB", "contents": {"a": text}}
    large = sealed(capabilities=capabilities(files=[mount]))
    modules = Modules(Owners().find)
    assert verify(modules, large) is not verify(modules, large)
