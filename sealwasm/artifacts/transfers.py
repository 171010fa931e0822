"""Sealed modules on their way between files, folders and registries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealing.errors import SealError, SealRefusal
from sealing.oci.reference import LayoutReference, Reference, RegistryReference
from sealwasm.artifacts.registry_access import RegistryAccess
from sealwasm.failure import CliError, Kind
from sealwasm.files import MODULE_FILE_BYTES, make_folder, read_file
from sealwasm.progress import progress_bar

if TYPE_CHECKING:
    from sealing.keys import Signer
    from sealing.oci.transfer import PulledArtifact
    from sealing.seal import SealedModule
    from sealing.signatures.cosign import SimpleSignature

MAGIC = b"\0asm"

AnyReference = LayoutReference | RegistryReference

# TLS with public authorities, no credentials.
ANYBODY = RegistryAccess()


def looks_like_reference(text: str) -> bool:
    """Return whether `text` is meant as a reference and not as the path of a file."""
    if text.startswith(("/", "./", "../")):
        return False
    return text.startswith("oci:") or ("/" in text and not Path(text).exists() and ":" in text)


def parse_reference(text: str) -> AnyReference:
    """Return the reference in `text`, or raise `CliError` that shows how one is written."""
    try:
        return Reference.parse(text)
    except SealError as error:
        raise CliError(
            Kind.USAGE,
            error.code.value,
            f"'{text}' is not a reference to an artifact",
            why=error.detail,
            next_step="write oci:FOLDER:TAG, oci:FOLDER@sha256:..., or HOST/REPOSITORY:TAG",
        ) from error


def parse_place(text: str) -> AnyReference:
    """Return where something is to be published: under a tag, if any, as nobody chooses digests."""
    reference = parse_reference(text)
    if reference.digest is not None:
        raise CliError(
            Kind.USAGE,
            SealRefusal.REFERENCE_INVALID.value,
            f"'{text}' is no place to publish at",
            why="a digest names what is there already",
            next_step=f"{reference.location}:TAG",
        )
    return reference


def parse_goal(text: str) -> AnyReference:
    """Return where something is to be published, as `parse_place`, with the tag that it will have.

    Asked before anything is done for it. Raises `CliError` and `SealError`.
    """
    reference = parse_place(text)
    return reference.with_tag(reference.target)


def pull_artifact(text: str, *, registry: RegistryAccess = ANYBODY) -> PulledArtifact:
    """Return the whole artifact that `text` names: digests checked, signatures not."""
    from sealing.oci.transfer import pull

    reference = parse_reference(text)
    with registry.open(reference) as store, progress_bar("pulling") as progress:
        return pull(store, reference, progress=progress)


def push_artifact(
    sealed: SealedModule,
    text: str,
    *,
    owner: Signer | None = None,
    registry: RegistryAccess = ANYBODY,
) -> str:
    """Publish a freshly sealed module, with its signatures; return its reference by digest.

    In a registry, where `owner` is a key that skopeo and podman can use, they find a `.sig` too.
    """
    from sealing.oci.transfer import push

    reference = parse_reference(text)
    make_room(reference)
    simple = simple_signature_for(sealed, reference, owner)
    with registry.open(reference, create=True) as store, progress_bar("pushing") as progress:
        digest = push(store, sealed, reference.target, simple=simple, progress=progress)
    return f"{reference.location}@{digest}"


def push_index(
    modules: Sequence[SealedModule],
    text: str,
    *,
    owner: Signer | None = None,
    registry: RegistryAccess = ANYBODY,
) -> str:
    """Publish one module in several shapes, as `push_artifact`; the reference is to the index."""
    from sealing.oci.transfer import push_shapes

    reference = parse_reference(text)
    make_room(reference)
    signed = [(one, simple_signature_for(one, reference, owner)) for one in modules]
    with registry.open(reference, create=True) as store, progress_bar("pushing") as progress:
        digest = push_shapes(store, signed, reference.target, progress=progress)
    return f"{reference.location}@{digest}"


def make_room(goal: AnyReference) -> None:
    """Make the folders above a layout that is to be written, or raise `CliError`."""
    if isinstance(goal, LayoutReference):
        make_folder(Path(goal.folder).parent)


def simple_signature_for(
    sealed: SealedModule, reference: AnyReference, owner: Signer | None
) -> SimpleSignature | None:
    """Return cosign's older signature, which says where the artifact is: a folder is nowhere."""
    from sealing.keys import P256
    from sealing.signatures.cosign import simple_signature

    if isinstance(reference, LayoutReference) or owner is None or owner.kind != P256:
        return None
    return simple_signature(sealed.manifest_digest, reference.location, owner)


def copy_artifact(source: str, target: str, *, registry: RegistryAccess) -> dict[str, str]:
    """Copy a sealed artifact with its signatures; return its reference by digest."""
    from sealing.oci.copying import copy

    origin, goal = parse_reference(source), parse_goal(target)
    with (
        registry.open(origin) as origin_store,
        registry.open(goal, create=True) as goal_store,
        progress_bar("copying") as progress,
    ):
        digest = copy(origin_store, origin, goal_store, goal.target, progress=progress)
    return {"reference": f"{goal.location}@{digest}", "manifest": digest}


def foresee_copy(source: str, target: str, *, registry: RegistryAccess) -> dict[str, Any]:
    """Return what `copy_artifact` would carry; the target is not asked and nothing is written."""
    from sealing.oci.every_shape import describe_every

    origin, goal = parse_reference(source), parse_goal(target)
    with registry.open(origin) as store:
        found = describe_every(store, origin)
    return {
        "reference": f"{goal.location}@{found.digest}",
        "manifest": found.digest,
        "bytes": sum(one.manifest.layer_size for one in found.shapes),
        "signatures": sum(len(one.bundles) for one in found.shapes),
    }


def read_module(path: str) -> bytes:
    """Return the bytes of a WebAssembly module, or raise `CliError` for anything else."""
    data = read_file(path, limit_bytes=MODULE_FILE_BYTES)
    require_magic(path, data[:4])
    return data


def require_magic(path: str, head: bytes) -> None:
    """Accept what begins as WebAssembly does, or raise `CliError`."""
    if head != MAGIC:
        raise CliError(
            Kind.BAD_MODULE,
            SealRefusal.NOT_WASM.value,
            f"{path} is not a WebAssembly module",
            why=f"it starts with bytes {head.hex(' ')}, expected {MAGIC.hex(' ')}"
            if head
            else "it is empty",
            next_step=f"file {path}",
        )
