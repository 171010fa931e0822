"""What the command line trusts: vendor roots always, simulated ones only when named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sealwasm.failure import CliError, Kind
from sealwasm.files import read_file

if TYPE_CHECKING:
    from attestation.trust import TrustAnchors


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


def simulated_root(simulated_folder: str | None) -> bytes | None:
    """Return the root certificate of a simulated platform, if one is named."""
    return None if simulated_folder is None else _file_of(simulated_folder, "root.pem")
