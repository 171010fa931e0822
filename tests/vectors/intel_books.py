"""Collateral with one thing wrong, for the vectors of steps K."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from attestation.simulated.authority import derive_key
from attestation.simulated.intel.collateral import Collateral, chain_pem, publish
from tests.vectors.intel_world import Case, World


class Books:
    """Collateral of one world, honest but for one thing."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.vendor = world.silicon.vendor
        self.good = world.collateral()
        self.other_key = derive_key(world.silicon.identity.secret, "another key")

    def case(self, name: str, why: str, code: str, *published: Collateral | bytes) -> Case:
        return self.world.case(name, why, code, collateral=published)

    def changed(self, name: str, why: str, code: str, **members: Any) -> Case:
        return self.case(name, why, code, replace(self.good, **members))

    def accepted(self, name: str, why: str, *published: Collateral | bytes, **more: Any) -> Case:
        return self.world.good(name, why, collateral=published, **more)

    def published(self, **changes: Any) -> Collateral:
        return publish(self.vendor, replace(self.world.silicon.publication(), **changes))

    def signed_by(self, certificate: bytes, *more: bytes) -> Collateral:
        """Return it with another certificate for the honest signer's key."""
        chain = chain_pem(certificate, *(more or (self.vendor.root.certificate,)))
        return replace(self.good, tcb_info_issuer_chain=chain, qe_identity_issuer_chain=chain)
