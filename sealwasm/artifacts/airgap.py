"""Sealed modules in one file: written from a registry or folder, read into another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sealwasm.artifacts.transfers import parse_reference
from sealwasm.failure import CliError, Kind
from sealwasm.files import os_failure, read_file, stream_file
from sealwasm.progress import progress_bar

if TYPE_CHECKING:
    from sealing.oci.archive import Archive
    from sealing.oci.layout import OciLayout
    from sealwasm.artifacts.registry_access import RegistryAccess


def export_artifact(
    source: str, path: str, documents: Mapping[str, bytes], *, registry: RegistryAccess
) -> dict[str, Any]:
    """Write what `source` names, with its signatures, to the new file `path`."""
    from sealing.oci.archive import write_archive
    from sealing.oci.copying import copy

    origin, target = parse_reference(source), Path(path)
    with _layout_beside(target) as layout:
        with registry.open(origin) as store, progress_bar("reading") as progress:
            tag = origin.tag or version_tag(store, origin)
            digest = copy(store, origin, layout, tag, progress=progress)
        entries = sorted(layout.entries(), key=lambda one: one.digest != digest)
        with stream_file(target) as out:
            write_archive(layout, entries, documents, out)
    return {
        "file": path,
        "manifest": digest,
        "tag": tag,
        "bytes": target.stat().st_size,
        "documents": sorted(documents),
    }


def foresee_export(
    source: str, path: str, documents: Mapping[str, bytes], *, registry: RegistryAccess
) -> dict[str, Any]:
    """Return what `export_artifact` would say, but for the size of a file that is not there."""
    from sealing.oci.every_shape import describe_every

    origin = parse_reference(source)
    with registry.open(origin) as store:
        digest = describe_every(store, origin).digest
        tag = origin.tag or version_tag(store, origin)
    return {"file": path, "manifest": digest, "tag": tag, "documents": sorted(documents)}


def version_tag(store: Any, reference: Any) -> str:
    """Return the tag that `publish` would give to what a reference by digest names."""
    from sealing.oci.transfer import describe

    return str(describe(store, reference).manifest.envelopes[0].context.version)


@contextmanager
def open_archive(path: str) -> Iterator[tuple[Archive, OciLayout]]:
    """Give a checked archive and a layout that holds it as long as the block lasts."""
    from sealing.oci.archive import read_archive, require_whole

    source = Path(path)
    with _layout_beside(source) as layout:
        try:
            with source.open("rb") as stream:
                archive = read_archive(stream, layout.put_blob)
        except OSError as error:
            raise os_failure(error, source, "read") from error
        require_whole(archive, layout)
        layout.replace_index(archive.index)
        yield archive, layout


def import_artifact(
    archive: Archive, layout: OciLayout, target: str, *, registry: RegistryAccess
) -> dict[str, Any]:
    """Copy what an archive holds to `target`, under its tag or else the archive's."""
    from sealing.oci.copying import copy
    from sealing.oci.reference import LayoutReference

    goal = goal_of(target, archive)
    origin = LayoutReference(folder="archive", digest=archive.digest)
    with (
        registry.open(goal, create=True) as store,
        progress_bar("writing") as progress,
    ):
        copy(layout, origin, store, goal.target, progress=progress)
    return {"reference": f"{goal.location}@{archive.digest}", "manifest": archive.digest}


def goal_of(target: str, archive: Archive) -> Any:
    """Return where an archive is to go, with the tag under which it will be there."""
    goal = parse_reference(target)
    if goal.digest is not None:
        raise CliError(
            Kind.USAGE,
            "usage",
            f"{target} names a digest, and it is the archive that has one",
            next_step=f"write {goal.location}:TAG",
        )
    return goal if goal.tag is not None else goal.with_tag(archive.tag)


def checked_documents(descriptor: str | None, policy: str | None) -> dict[str, bytes]:
    """Return the documents to put into an archive, each of the kind it is meant to be."""
    from sealing.oci.archive import DESCRIPTOR, POLICY

    documents = {}
    if descriptor is not None:
        documents[DESCRIPTOR] = read_file(descriptor)
    if policy is not None:
        documents[POLICY] = read_file(policy)
    check_documents(documents)
    return documents


def check_documents(documents: Mapping[str, bytes]) -> None:
    """Raise for a document that is not of its kind. Who signed a descriptor is not looked at."""
    from keybroker import protocol
    from policies.load import load_release
    from sealing.oci.archive import DESCRIPTOR, POLICY

    if DESCRIPTOR in documents:
        data = documents[DESCRIPTOR]
        protocol.verify_descriptor(data, identity=protocol.unverified_identity(data))
    if POLICY in documents:
        load_release(documents[POLICY], name=POLICY)


@contextmanager
def _layout_beside(path: Path) -> Iterator[OciLayout]:
    """Give an empty layout on the disk of `path`: an artifact may be larger than /tmp."""
    from sealing.oci.layout import OciLayout

    folder = path.absolute().parent
    if not folder.is_dir():
        raise CliError(
            Kind.NOT_FOUND,
            "folder-not-found",
            f"there is no folder for {path}",
            next_step=f"mkdir -p {path.parent}",
        )
    try:
        place = TemporaryDirectory(prefix=".sealwasm-", dir=folder)
    except OSError as error:
        raise os_failure(error, folder, "write into") from error
    with place as name:
        yield OciLayout.create(Path(name) / "layout")
