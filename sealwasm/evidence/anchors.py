"""What the command line trusts: vendor roots always, simulated ones only when named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sealwasm.failure import CliError, Kind
from sealwasm.files import read_file

if TYPE_CHECKING:
    from attestation.endorsements import Endorsements
    from attestation.trust import TrustAnchors

# What a bundle may be (attestation.limits) and a bit.
BUNDLE_BYTES = 4 << 20


def _file_of(folder: str, name: str) -> bytes:
    path = Path(folder)
    if not path.is_dir():
        raise CliError(
            Kind.NOT_FOUND,
            "platform-not-found",
            f"{folder} is not the folder of a simulated platform",
            next_step=f"sealwasm simulate platform {folder}",
        )
    return read_file(path / name)


def anchors_with(simulated_folder: str | None) -> TrustAnchors:
    """Return the pinned vendor roots and, if a folder is named, that platform's root."""
    from attestation.trust import TrustAnchors

    anchors = TrustAnchors.vendor()
    if simulated_folder is None:
        return anchors
    return anchors.with_simulated(_file_of(simulated_folder, "root.pem"))


def simulated_file(simulated_folder: str | None, name: str) -> bytes | None:
    """Return a file that a simulated vendor publishes; which ones there are depends on its TEE."""
    if simulated_folder is None:
        return None
    _file_of(simulated_folder, "root.pem")
    path = Path(simulated_folder) / name
    return read_file(path, limit_bytes=BUNDLE_BYTES) if path.exists() else None


def simulated_endorsements(simulated_folder: str | None) -> Endorsements:
    """Return all that a simulated vendor publishes, whichever TEE it makes."""
    from attestation.bundle import parse_bundle
    from attestation.endorsements import Endorsements

    chains, crls = (
        [data] if (data := simulated_file(simulated_folder, name)) is not None else []
        for name in ("endorsements.pem", "crl.der")
    )
    found = Endorsements.parse(chains, crls)
    bundle = simulated_file(simulated_folder, "endorsements.json")
    return found if bundle is None else found.joined(parse_bundle(bundle).to_endorsements())


def simulated_root(simulated_folder: str | None) -> bytes | None:
    """Return the root certificate of a simulated platform, if one is named."""
    return None if simulated_folder is None else _file_of(simulated_folder, "root.pem")
