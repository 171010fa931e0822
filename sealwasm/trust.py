"""What the command line trusts: vendor roots always, simulated ones only when named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sealwasm.failure import CliError, Kind
from sealwasm.files import read_file

if TYPE_CHECKING:
    from attestation.endorsements import Endorsements
    from attestation.trust import TrustAnchors

# Collateral of all platform families of a site.
BUNDLE_BYTES = 64 << 20


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


def simulated_material(simulated_folder: str | None) -> tuple[list[bytes], list[bytes]]:
    """Return certificates and revocation lists that a simulated vendor publishes."""
    if simulated_folder is None:
        return [], []
    return (
        [_file_of(simulated_folder, "endorsements.pem")],
        [_file_of(simulated_folder, "crl.der")],
    )


def simulated_endorsements(simulated_folder: str | None) -> Endorsements:
    """Return all that a simulated vendor publishes, whichever TEE it makes."""
    from attestation.bundle import parse_bundle
    from attestation.endorsements import Endorsements

    if simulated_folder is None:
        return Endorsements.none()
    folder = Path(simulated_folder)
    _file_of(simulated_folder, "root.pem")
    chains, crls = (
        [read_file(folder / name)] if (folder / name).exists() else []
        for name in ("endorsements.pem", "crl.der")
    )
    found = Endorsements.parse(chains, crls)
    bundle = folder / "endorsements.json"
    if not bundle.exists():
        return found
    return found.joined(parse_bundle(read_file(bundle, limit_bytes=BUNDLE_BYTES)).to_endorsements())


def simulated_root(simulated_folder: str | None) -> bytes | None:
    """Return the root certificate of a simulated platform, if one is named."""
    return None if simulated_folder is None else _file_of(simulated_folder, "root.pem")
