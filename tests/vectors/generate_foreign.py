"""Vectors of sections F and S of docs/specs/other-holders.md: what other tools encrypted.

Everything after a bend fits it (digests, HMAC, the owner's signature), as it would for an attacker
who may write to the registry and whom a careless owner signs for.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rfc8785

from tests.unit.sealing import makers
from tests.unit.sealing.jwe_maker import flattened, general, manifest_by_hand, to_json
from tests.unit.sealing.makers import NONCE, SYMKEY, b64, digest, options_json
from tests.unit.sealing.wasm_maker import SMALL
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case
from tests.vectors.jwe_world import EC_KEY, RSA_KEY

JWE = "org.opencontainers.image.enc.keys.jwe"
IMAGE = "application/vnd.oci.image.config.v1+json"
ARCHIVE = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"
COSIGN = "https://sigstore.dev/cosign/sign/v1"


@dataclass
class Recipe:
    """One artifact; `edits` bend one of its documents each."""

    plain: bytes = SMALL
    kinds: dict[str, str] = field(default_factory=dict)
    config: bytes = b""
    private: bytes = b""
    entry: bytes | None = None
    annotations: Callable[[dict[str, str]], Any] = lambda _: None
    manifest: Callable[[Any], Any] = lambda _: None
    manifest_bytes: Callable[[bytes], bytes] = lambda data: data
    predicate_type: str = COSIGN
    owner: Any = makers.OWNER
    layer: Callable[[bytes], bytes] = lambda data: data


def build(recipe: Recipe) -> dict[str, bytes]:
    plain = recipe.plain
    config = (
        recipe.config
        or json.dumps(
            {"architecture": "wasm", "os": "wasip1", "layerDigests": [digest(plain)]}
        ).encode()
    )
    private = recipe.private or options_json(SYMKEY, digest(plain), NONCE)
    entry = recipe.entry or to_json(flattened(private, EC_KEY.public_key()))
    annotations = {JWE: b64(entry)}
    recipe.annotations(annotations)
    manifest, layer = manifest_by_hand(plain, config, annotations, **recipe.kinds)
    document = json.loads(manifest)
    recipe.manifest(document)
    manifest = recipe.manifest_bytes(json.dumps(document, indent=1).encode())
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": hashlib.sha256(manifest).hexdigest()}}],
        "predicateType": recipe.predicate_type,
        "predicate": {},
    }
    bundle = makers.sign_document(makers.Recipe(owner=recipe.owner), rfc8785.dumps(statement))
    return {
        "manifest.json": manifest,
        "config.json": config,
        "layer.bin": recipe.layer(layer),
        "bundle.json": bundle,
    }


def tar_of(*files: tuple[str, bytes], kind: int = tarfile.USTAR_FORMAT, **info: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            for key, value in info.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def zipped(data: bytes) -> bytes:
    """Return `data` as gzip of one stored block: libraries do not agree on anything shorter."""
    head = bytes.fromhex("1f8b08000000000000ff")
    block = struct.pack("<BHH", 1, len(data), len(data) ^ 0xFFFF) + data
    return head + block + struct.pack("<II", zlib.crc32(data), len(data))


def image(tar: bytes, packed: bytes | None = None, **rest: Any) -> Recipe:
    """Return a container image; `packed` is its layer in clear, if that is not the tar zipped."""
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {"a": "b"}},
        "rootfs": {"type": "layers", "diff_ids": [digest(tar)]},
    }
    arguments = {
        "plain": zipped(tar) if packed is None else packed,
        "kinds": {"config_type": IMAGE, "layer_type": ARCHIVE},
        "config": json.dumps(config).encode(),
    }
    return Recipe(**(arguments | rest))


PLUGIN = ("plugin.wasm", SMALL)
GOOD_TAR = tar_of(PLUGIN)
# What zlib 1.3 made of it, once.
COMPRESSED = makers.unb64(
    "H4sIAAAAAAACA+3SMW/CQAyGYfuglDYblSrGSN2rREXp3F8STuWAk5oQXY5GTPx1rgwdWCtY+j7LZ3mxZLv72m98"
    "+zrYvpFrKZJqsThncplFWVW/9blfFuXbu+SF3MC+jzak8fJPpcNrCn0wSz3qcSliXvQ5/YOv+9Z2/XYX6y64b++G"
    "crpe1UPw0YmMjOrdSEXvn8yk/tlhFJ00rtmFg5HHsRrJsrnKxzSbfdrWhkPu2zxuXb6y0QoAAAAAAAAAAAAAAAAA"
    "4I9OoVcyNQAoAAA="
)


def cut(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def in_layer(**members: Any) -> Callable[[Any], None]:
    return lambda document: document["layers"][0].update(members)


def pubopts(old: str, new: str) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        notes = document["layers"][0]["annotations"]
        name = "org.opencontainers.image.enc.pubopts"
        text = makers.unb64(notes[name]).decode()
        assert old in text
        notes[name] = b64(text.replace(old, new).encode())

    return edit


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    expect: str
    recipe: Recipe
    holder: str = "p256"


def refused(name: str, why: str, code: str, recipe: Recipe, **rest: Any) -> Case:
    return Case(name, why, f"seal-{code}", recipe, **rest)


SECRET = options_json(SYMKEY, digest(SMALL), NONCE)
RAW_TAR = {"layer_type": "application/vnd.oci.image.layer.v1.tar+encrypted"}
LEGACY = {"layer_type": "application/vnd.wasm.content.layer.v1+wasm+encrypted"}


def accepted(name: str, why: str, recipe: Recipe, **rest: Any) -> Case:
    return Case(name, why, ACCEPTED, recipe, **rest)


def cases() -> tuple[Case, ...]:
    two = to_json(general(SECRET, RSA_KEY.public_key(), EC_KEY.public_key()))
    return (
        accepted("module", "F5: a module as it is", Recipe()),
        accepted("module-called-tar", "F2: as skopeo labels it", Recipe(kinds=RAW_TAR)),
        accepted("module-called-content", "F2: as older tools label it", Recipe(kinds=LEGACY)),
        accepted("two-recipients", "F3: entries for two", Recipe(entry=two), holder="rsa"),
        accepted("image", "S4: plugin.wasm in an image", image(GOOD_TAR)),
        accepted("image-gnu", "S4: a tar of GNU", image(tar_of(PLUGIN, kind=tarfile.GNU_FORMAT))),
        accepted("image-dot", "S4: ./plugin.wasm", image(tar_of(("./plugin.wasm", SMALL)))),
        accepted("image-compressed", "S3: compressed", image(GOOD_TAR, COMPRESSED)),
        accepted(
            "annotated",
            "F1: notes of others",
            Recipe(manifest=lambda one: one.update(annotations={"org.example": "x"})),
        ),
        refused("not-json", "F1: JSON", "malformed", Recipe(manifest_bytes=lambda one: one[:-2])),
        refused(
            "repeated-member",
            "F1: no repeated member",
            "duplicate-member",
            Recipe(manifest_bytes=lambda one: one.replace(b"{", b'{"layers":[],', 1)),
        ),
        refused(
            "subject",
            "F1: no unknown member",
            "unknown-member",
            Recipe(manifest=lambda one: one.update(subject={})),
        ),
        refused(
            "annotation-not-text",
            "F1: annotations are text",
            "malformed",
            Recipe(manifest=lambda one: one.update(annotations={"a": 1})),
        ),
        refused(
            "schema",
            "F1: version 2",
            "malformed",
            Recipe(manifest=lambda one: one.update(schemaVersion=1)),
        ),
        refused(
            "docker",
            "F2: OCI",
            "media-type",
            Recipe(manifest=lambda one: one.update(mediaType="application/vnd.docker")),
        ),
        refused(
            "two-layers",
            "F2: one layer",
            "layer-count",
            Recipe(manifest=lambda one: one["layers"].append(one["layers"][0])),
        ),
        refused(
            "downgrade",
            "F2: what is in clear is no encrypted layer",
            "not-sealed",
            Recipe(manifest=in_layer(mediaType="application/wasm")),
        ),
        refused(
            "relabelled",
            "F2: a type we know",
            "media-type",
            Recipe(manifest=in_layer(mediaType="application/x-anything+encrypted")),
        ),
        refused(
            "oversized",
            "F2: at most 512 MiB",
            "too-large",
            Recipe(manifest=in_layer(size=(512 << 20) + 1)),
        ),
        refused(
            "nonce-override",
            "F3: no nonce in the clear",
            "cipher-options",
            Recipe(manifest=pubopts('"cipheroptions":{}', '"cipheroptions":{"nonce":"AAAA"}')),
        ),
        refused(
            "other-cipher",
            "F3: its cipher",
            "cipher-unknown",
            Recipe(manifest=pubopts("AES_256_CTR_HMAC_SHA256", "AES_256_CTR")),
        ),
        refused(
            "pgp",
            "F3: schemes we read",
            "envelope-scheme",
            Recipe(annotations=lambda one: one.update({JWE[:-3] + "pgp": "AAAA"})),
        ),
        refused(
            "seventeen-entries",
            "F3: at most 16",
            "envelope-count",
            Recipe(annotations=lambda one: one.update({JWE: ",".join([one[JWE]] * 17)})),
        ),
        refused(
            "no-entry",
            "F5: an entry for the key",
            "envelope-count",
            Recipe(annotations=lambda one: one.pop(JWE)),
        ),
        refused(
            "no-options",
            "F3: options are there",
            "malformed",
            Recipe(
                manifest=lambda one: one["layers"][0]["annotations"].pop(
                    "org.opencontainers.image.enc.pubopts"
                )
            ),
        ),
        refused(
            "unsigned", "F4: an owner's signature", "signer-unknown", Recipe(owner=makers.STRANGER)
        ),
        refused(
            "scan-result",
            "F4: a signature of the artifact, not a word about it",
            "statement-type",
            Recipe(predicate_type="https://cosign.sigstore.dev/attestation/vuln/v1"),
        ),
        refused(
            "transplanted-config",
            "F5: the config of this layer",
            "plaintext-mismatch",
            Recipe(config=json.dumps({"layerDigests": ["sha256:" + "0" * 64]}).encode()),
        ),
        refused(
            "config-without-digest",
            "F5: one digest",
            "layer-count",
            Recipe(config=b'{"architecture":"wasm","os":"wasip1"}'),
        ),
        refused(
            "wrong-digest",
            "F5: the layer has its digest",
            "digest-mismatch",
            Recipe(layer=lambda one: one[:-1] + bytes([one[-1] ^ 1])),
        ),
        refused(
            "wrong-size",
            "F5: the layer has its size",
            "size-mismatch",
            Recipe(layer=lambda one: one[:-1]),
        ),
        refused(
            "stranger",
            "F5: the key opens an entry",
            "envelope-not-opened",
            Recipe(),
            holder="stranger",
        ),
        refused(
            "hmac",
            "F5: the HMAC holds",
            "hmac-mismatch",
            Recipe(private=options_json(bytes(32), digest(SMALL), NONCE)),
        ),
        refused(
            "other-nonce",
            "F5: the plaintext has its digest",
            "plaintext-mismatch",
            Recipe(private=options_json(SYMKEY, digest(SMALL), bytes(16))),
        ),
        refused(
            "no-module", "F5: a module is in it", "not-wasm", Recipe(plain=b"#!/bin/sh\nexit\n")
        ),
        refused("not-gzip", "S3: gzip", "archive-malformed", image(GOOD_TAR, GOOD_TAR)),
        refused(
            "two-members",
            "S3: one member",
            "archive-malformed",
            image(GOOD_TAR, zipped(GOOD_TAR[:512]) + zipped(GOOD_TAR)),
        ),
        refused(
            "trailing",
            "S3: nothing behind it",
            "archive-malformed",
            image(GOOD_TAR, zipped(GOOD_TAR)[:-8] + b"x" + zipped(GOOD_TAR)[-8:]),
        ),
        refused(
            "cut",
            "S3: all of it",
            "archive-malformed",
            image(GOOD_TAR, zipped(GOOD_TAR)[:-99] + zipped(GOOD_TAR)[-8:]),
        ),
        refused(
            "checksum",
            "S3: its checksum",
            "archive-malformed",
            image(GOOD_TAR, zipped(GOOD_TAR)[:-8] + b"\0\0\0\0" + zipped(GOOD_TAR)[-4:]),
        ),
        refused(
            "more-than-it-says",
            "S3: its size",
            "archive-malformed",
            image(GOOD_TAR, zipped(GOOD_TAR)[:-4] + (2048).to_bytes(4, "little")),
        ),
        refused(
            "too-large",
            "S3: at most what a module may be",
            "too-large",
            image(GOOD_TAR, zipped(GOOD_TAR)[:-4] + b"\xff\xff\xff\xff"),
        ),
        refused(
            "empty", "S3: at least a file", "archive-malformed", image(b"", zipped(b"") + bytes(12))
        ),
        refused(
            "gzip-comment",
            "S3: no header field but a name",
            "archive-malformed",
            image(GOOD_TAR, cut(zipped(GOOD_TAR), 3, b"\x10")),
        ),
        refused(
            "other-file", "S4: plugin.wasm", "archive-malformed", image(tar_of(("a.wasm", SMALL)))
        ),
        refused(
            "in-a-folder",
            "S4: at the top",
            "archive-malformed",
            image(tar_of(("x/plugin.wasm", SMALL))),
        ),
        refused(
            "two-files",
            "S4: one file",
            "archive-malformed",
            image(tar_of(PLUGIN, ("runtime-config.json", b"{}"))),
        ),
        refused(
            "link",
            "S4: a plain file",
            "archive-malformed",
            image(tar_of(("plugin.wasm", b""), type=tarfile.SYMTYPE, linkname="/etc/passwd")),
        ),
        refused(
            "header-checksum",
            "S4: its checksum",
            "archive-malformed",
            image(cut(GOOD_TAR, 100, b"0000777")),
        ),
        refused(
            "size-not-octal",
            "S4: a number",
            "archive-malformed",
            image(sized(GOOD_TAR, b"\x80" + bytes(11))),
        ),
        refused(
            "file-longer-than-the-archive",
            "S4: its size",
            "archive-malformed",
            image(sized(GOOD_TAR, b"%011o\0" % (1 << 20))),
        ),
        refused(
            "hidden-behind",
            "S4: zeros behind it",
            "archive-malformed",
            image(GOOD_TAR[:-1] + b"x"),
        ),
        refused(
            "other-tar",
            "S5: the tar in the config",
            "plaintext-mismatch",
            image(tar_of(PLUGIN, mtime=1), zipped(GOOD_TAR)),
        ),
    )


def sized(tar: bytes, size: bytes) -> bytes:
    """Return an archive with these twelve bytes as its file's size, and the right checksum."""
    head = cut(cut(tar, 124, size), 148, b" " * 8)
    return cut(head, 148, b"%06o\0 " % sum(head[:512]))


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "foreign")
    for case in cases():
        document = {
            "why": case.why,
            "expect": case.expect,
            "stage": "unseal",
            "holder": case.holder,
            "owners": [b64(makers.OWNER.public.spki)],
        }
        write_case(folder, case.name, document, build(case.recipe))
