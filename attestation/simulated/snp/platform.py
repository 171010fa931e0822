"""A simulated machine in a folder: create it, load it, launch guests on it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from attestation.encoding import canonical_json, parse_json
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_STATE_BYTES
from attestation.simulated.signers import CaSigner, RsaSigner
from attestation.simulated.snp.faults import Fault
from attestation.simulated.snp.guest import SimulatedGuest
from attestation.simulated.snp.models import MODELS
from attestation.simulated.snp.silicon import Identity, Silicon
from attestation.simulated.store import FolderStore, Store
from attestation.verifiers.snp.tcb import parts_of
from attestation.x509.pem import encode_pem

Entropy = Callable[[int], bytes]
SignerOf = Callable[[str], CaSigner]

_STATE: Final = "state.json"
_SECRET: Final = "chip.secret"  # noqa: S105 - a file name
_SECRET_BYTES: Final = 48
_NOTICE: Final = b"""SIMULATED

This folder is a simulated SEV-SNP platform. Its keys are files, so evidence made with them proves
nothing about any hardware. Never add its root to the trust store of anything that matters.
"""


@dataclass(frozen=True, slots=True)
class SimulatedPlatform:
    """A chip, the vendor that certifies it, and what the vendor publishes."""

    silicon: Silicon = field(repr=False)
    stranger: Callable[[], Silicon] = field(repr=False)
    signing_keys: tuple[str, ...]
    faults: frozenset[Fault] = frozenset()

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        now: datetime,
        product: str = "milan",
        signing_keys: Iterable[str] = ("vcek",),
        faults: Iterable[str] = (),
        entropy: Entropy = secrets.token_bytes,
        signer_of: SignerOf | None = None,
    ) -> SimulatedPlatform:
        """Make a platform in a new or empty folder, with its keys, certificates and list.

        Takes a second or two for the RSA keys; `signer_of` gives other ones (tests). Raises
        `FileExistsError` if something is there already, `ValueError` for an unknown product or
        fault.
        """
        if product not in MODELS:
            raise ValueError(f"product is {product}, expected one of {', '.join(MODELS)}")
        known_faults = sorted(map(Fault, faults))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FileExistsError(f"{folder} is not empty")
        store = FolderStore(folder)
        store.save("SIMULATED.txt", _NOTICE)
        store.save(_SECRET, entropy(_SECRET_BYTES))
        state = {
            "created": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "faults": known_faults,
            "format": 1,
            "platform": entropy(4).hex(),
            "product": product,
            "signing_keys": list(signing_keys),
            "simulated": True,
            "tee": "snp",
        }
        store.save(_STATE, canonical_json(state))
        platform = cls._of(store, state, signer_of)
        _publish(platform, store)
        return platform

    @classmethod
    def copy(cls, source: Path, folder: Path, *, faults: Iterable[Fault]) -> SimulatedPlatform:
        """Make a platform with the chip and vendor of `source` and with other faults.

        Raises as `load` and `create` do.
        """
        cls.load(source)
        if folder.exists() and any(folder.iterdir()):
            raise FileExistsError(f"{folder} is not empty")
        shutil.copytree(source, folder, dirs_exist_ok=True)
        store = FolderStore(folder)
        state = parse_json(store.load(_STATE) or b"", limit_bytes=MAX_STATE_BYTES, what=_STATE)
        store.save(_STATE, canonical_json({**state, "faults": sorted(faults)}))
        platform = cls.load(folder)
        _publish(platform, store)
        return platform

    @classmethod
    def load(cls, folder: Path, *, signer_of: SignerOf | None = None) -> SimulatedPlatform:
        """Return the platform in `folder`; raise `EvidenceError` if it does not hold one."""
        store = FolderStore(folder)
        state = store.load(_STATE)
        if state is None:
            raise EvidenceError(Refusal.MALFORMED, "folder holds no simulated platform")
        return cls._of(
            store, parse_json(state, limit_bytes=MAX_STATE_BYTES, what=_STATE), signer_of
        )

    @classmethod
    def _of(cls, store: Store, state: Any, signer_of: SignerOf | None) -> SimulatedPlatform:
        secret = store.load(_SECRET) or b""
        try:
            identity = Identity(
                model=MODELS[state["product"]],
                platform=str(state["platform"]),
                created=datetime.fromisoformat(state["created"]),
                chip_secret=secret,
            )
            signing_keys = tuple(map(str, state["signing_keys"]))
            faults = frozenset(map(Fault, state["faults"]))
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceError(Refusal.MALFORMED, "state of simulated platform") from error
        if len(secret) != _SECRET_BYTES:
            raise EvidenceError(Refusal.MALFORMED, "simulated platform has lost its chip secret")
        signers = signer_of or _stored_signers(store)
        return cls(
            Silicon(identity, store, signers),
            lambda: _stranger(identity, store, signers),
            signing_keys,
            faults,
        )

    @property
    def product(self) -> str:
        """The processor generation."""
        return self.silicon.identity.model.product.name

    @property
    def chip_id(self) -> bytes:
        """The hardware id: 64 bytes, 8 on Turin."""
        return self.silicon.chip_id

    @property
    def tcb(self) -> dict[str, int]:
        """The current TCB by part: what a policy may set as its minimum."""
        model = self.silicon.identity.model
        return parts_of(model.tcb, model.product)

    def roots_pem(self) -> bytes:
        """Return the root: what `TrustAnchors.with_simulated` takes."""
        return encode_pem("CERTIFICATE", self.silicon.root())

    def endorsements_pem(self) -> bytes:
        """Return the CA certificates as the vendor publishes them: intermediates, then root."""
        make = (
            self.silicon.expired_intermediate
            if Fault.EXPIRED_ASK in self.faults
            else self.silicon.intermediate
        )
        certificates = [make(signing_key) for signing_key in self.signing_keys]
        certificates.append(self.silicon.root())
        return b"".join(encode_pem("CERTIFICATE", one) for one in certificates)

    @staticmethod
    def launch_value(measurement: bytes) -> bytes:
        """Return the measurement: a report has room for all 48 bytes."""
        return measurement

    def crl(self) -> bytes:
        """Return the root's revocation list, DER."""
        revoked = ("ask", "asvk") if Fault.REVOKED_ASK in self.faults else ()
        return self.silicon.crl(revoked=revoked)

    def endorsements(self) -> Endorsements:
        """Return certificates and revocation list, ready for `attestation.verify`."""
        return Endorsements.parse([self.endorsements_pem()], [self.crl()])

    def launch(
        self,
        measurement: bytes,
        *,
        host_data: bytes = bytes(32),
        signing_key: str | None = None,
        report_version: int | None = None,
        extended: bool = False,
    ) -> SimulatedGuest:
        """Return a guest with this launch measurement (48 bytes) and the platform's faults.

        Its reports are signed with the platform's first signing key unless another is named.
        With `extended` the certificates come as the table that a cloud's host supplies.
        """
        return SimulatedGuest(
            silicon=self.silicon,
            stranger=self.stranger,
            measurement=measurement,
            host_data=host_data,
            signing_key=signing_key or self.signing_keys[0],
            report_version=report_version,
            extended=extended,
            faults=self.faults,
        )

    def with_fault(self, fault: Fault) -> SimulatedPlatform:
        """Return this platform with one more fault; its folder stays as it is."""
        return replace(self, faults=self.faults | {fault})

    def expired_ask(self) -> SimulatedPlatform:
        """Return it with a vendor that publishes an intermediate certificate out of date."""
        return self.with_fault(Fault.EXPIRED_ASK)

    def revoked_ask(self) -> SimulatedPlatform:
        """Return it with a vendor that has revoked its intermediate certificates."""
        return self.with_fault(Fault.REVOKED_ASK)


def _publish(platform: SimulatedPlatform, store: Store) -> None:
    """Write what a relying party reads, and issue what a guest will need."""
    store.save("root.pem", platform.roots_pem())
    store.save("endorsements.pem", platform.endorsements_pem())
    store.save("crl.der", platform.crl())
    for signing_key in platform.signing_keys:
        platform.silicon.vek(signing_key, platform.silicon.identity.model.tcb)


def _stored_signers(store: Store) -> SignerOf:
    """Return CA keys from the store, made at first use."""
    loaded: dict[str, RsaSigner] = {}

    def signer_of(role: str) -> CaSigner:
        if role not in loaded:
            pem = store.load(f"keys/{role}.pem")
            loaded[role] = RsaSigner.generate() if pem is None else RsaSigner.from_pem(pem)
            if pem is None:
                store.save(f"keys/{role}.pem", loaded[role].to_pem())
        return loaded[role]

    return signer_of


def _stranger(identity: Identity, store: Store, signer_of: SignerOf) -> Silicon:
    """Return another vendor's chip; one key for all its CAs is enough to be a stranger."""
    return Silicon(replace(identity, is_stranger=True), store, lambda _: signer_of("stranger"))
