"""What one broker of a split key has, all of it, does not say what the key is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from keybroker.keys import BrokerKeys
from keybroker.modules import open_content_key
from keybroker.seals.file import open_master_key
from keybroker.store.sqlite import SqliteStore
from sealing.holders.shamir import SECRET_BYTES, Share, combine, open_share
from sealing.manifest import SealedManifest
from sealing.ocicrypt import PrivateOptions
from sealing.seal import SealedModule
from tests.fakes.sealing import part_of
from tests.fakes.split import SplitStory, make_split_story
from tests.fakes.world import World
from tests.unit.sealing import shamir_by_the_book as book


@pytest.fixture
def story(tmp_path: Path) -> Iterator[SplitStory]:
    with make_split_story(tmp_path) as made:
        yield made


def share_of(world: World, sealed: SealedModule) -> Share:
    """What a broker takes out of its envelope when it releases."""
    releases = world.broker.releases
    module = releases.modules.verify(sealed.manifest, [sealed.bundle])
    material = open_content_key(module, releases.keys)
    assert material.share is not None
    return open_share(material.secret, material.share)


def true_key(story: SplitStory, sealed: SealedModule) -> PrivateOptions:
    """What it takes two brokers to know."""
    shares = [share_of(world, sealed) for world in story.worlds[:2]]
    return combine(shares, threshold=2)


def everything_in(folder: Path, share: Share) -> list[bytes]:
    """Every file of a broker, every row and key of its store in clear, and its opened share."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"broker.db", "master.key"} <= {path.name for path in files}
    seal = open_master_key(folder / "master.key")
    with SqliteStore.open(folder / "broker.db") as store:
        keys = BrokerKeys.load(seal, store.sealed_keys())
    cells = _cells(folder / "broker.db")
    rows = [cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells]
    in_clear = [secret for *_, secret in keys._entries()]
    assert keys.sealing[0].to_bytes() in in_clear
    return [*(path.read_bytes() for path in files), *rows, *in_clear, share.to_bytes()]


def _cells(database: Path) -> Iterator[object]:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        names = connection.execute("select name from sqlite_master where type = 'table'")
        for (name,) in names.fetchall():
            for row in connection.execute(f'select * from "{name}"'):
                yield from row
    connection.close()


def forms_of(secret: bytes) -> list[bytes]:
    return [secret, secret.hex().encode(), base64.b64encode(secret), secret[:8], secret[-8:]]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_one_brokers_database_and_keys_do_not_reveal_the_key(
    story: SplitStory, tmp_path: Path, number: int
) -> None:
    sealed = story.split()
    story.down((number + 2) % 3)
    assert story.run().exit_code == 7
    key, world = true_key(story, sealed), story.worlds[number]
    share = share_of(world, sealed)
    world.broker.store.close()
    found = everything_in(tmp_path / f"world-{number}" / "broker", share)

    # (1) Neither key nor nonce nor digest, in whole or by an end, occurs in anything it has.
    digest = bytes.fromhex(key.digest.removeprefix("sha256:"))
    for secret in (key.symkey, key.nonce, digest):
        for form in forms_of(secret):
            assert not any(form in data for data in found)

    # (2) Nor does anything that opens the layer: no 32 bytes of its share or of any key do.
    assert not any(_opens(data, sealed) for data in (share.value, *found[-10:]))

    # (3) Its share fits two quite different keys, each by a polynomial through it.
    secret = key.symkey + key.nonce + digest
    for guess in (secret, bytes(SECRET_BYTES), hashlib.shake_256(b"x").digest(SECRET_BYTES)):
        points = [(0, guess), (share.index, share.value)]
        other = Share(share.set, share.index % 3 + 1, book.interpolate(points, share.index % 3 + 1))
        expected = PrivateOptions(guess[:32], f"sha256:{guess[48:].hex()}", guess[32:48])
        assert combine([share, other], threshold=2) == expected


def _opens(data: bytes, sealed: SealedModule) -> bool:
    layer = part_of(sealed, "layer")
    expected = SealedManifest.parse(sealed.manifest).public_options.hmac
    return any(
        hmac.digest(data[at : at + 32], layer, "sha256") == expected
        for at in range(max(0, len(data) - 31))
    )


def test_the_database_has_the_decision_and_no_share(story: SplitStory, tmp_path: Path) -> None:
    """What is stored tells which share was released, and holds it only as it was wrapped."""
    sealed = story.split()
    story.run()
    shares = [share_of(world, sealed) for world in story.worlds[:2]]
    for number, share in enumerate(shares):
        story.worlds[number].broker.store.close()
        database = tmp_path / f"world-{number}" / "broker" / "broker.db"
        cells = list(_cells(database))
        text = b"".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells)
        assert f'"share":"{number + 1} of 3"'.encode() in text
        assert b'"request.brokers-needed":2' in text
        assert not any(form in text for form in forms_of(share.value))
