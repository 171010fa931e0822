"""From a reference to the store it is in. httpx is imported when a registry is meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sealing.errors import SealError, SealRefusal
from sealing.oci.layout import OciLayout
from sealing.oci.reference import LayoutReference, RegistryReference
from sealing.oci.registry.settings import Authenticator, RegistrySettings
from sealing.oci.store import ArtifactStore


@contextmanager
def open_store(
    reference: LayoutReference | RegistryReference,
    *,
    create: bool = False,
    settings: RegistrySettings | None = None,
    authenticator: Authenticator | None = None,
) -> Iterator[ArtifactStore]:
    """Give the store of `reference`; with `create`, an absent or empty folder becomes a layout.

    Nothing is asked of a registry yet. Raises `SealError`: no such folder, or no httpx installed.
    """
    if isinstance(reference, LayoutReference):
        folder = Path(reference.folder)
        yield OciLayout.create(folder) if create else OciLayout.open(folder)
        return
    try:
        from sealing.oci.registry.client import RegistryClient  # noqa: PLC0415 - httpx is an extra
    except ModuleNotFoundError as error:
        raise SealError(
            SealRefusal.STORE_UNUSABLE, f"registries need the cli extra: {error.name} is missing"
        ) from error
    with RegistryClient(reference, settings=settings, authenticator=authenticator) as client:
        yield client
