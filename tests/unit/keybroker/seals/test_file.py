"""The master key file: who may read it, and what it wraps."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keybroker.errors import BrokerCode, BrokerError
from keybroker.seals.box import SealedBox
from keybroker.seals.file import create_master_key, open_master_key
from keybroker.seals.protocol import KeyLabel

LABEL = KeyLabel("identity", "ab" * 32, 1, "ed25519")
MASTER = b"M" * 32


def refusal(path: Path) -> BrokerCode:
    with pytest.raises(BrokerError) as caught:
        open_master_key(path)
    return caught.value.code


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "master.key"
    create_master_key(path, entropy=lambda count: MASTER[:count])
    return path


def test_file_is_private_and_opens(path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    wrapped = open_master_key(path).wrap(b"secret", LABEL)
    assert open_master_key(path).unwrap(wrapped, LABEL) == b"secret"


def test_box_uses_the_key_of_the_file(path) -> None:
    """The buffer the key was read into is wiped; the cipher must have its own copy by then."""
    wrapped = SealedBox(MASTER).wrap(b"secret", LABEL)
    assert open_master_key(path).unwrap(wrapped, LABEL) == b"secret"


def test_existing_file_is_left_alone(path) -> None:
    before = path.read_bytes()
    with pytest.raises(BrokerError) as caught:
        create_master_key(path)
    assert caught.value.code == BrokerCode.MASTER_KEY_EXISTS
    assert path.read_bytes() == before


def test_creating_where_nothing_can_be_written(tmp_path) -> None:
    with pytest.raises(BrokerError) as caught:
        create_master_key(tmp_path / "absent" / "master.key")
    assert caught.value.code == BrokerCode.MASTER_KEY_UNSAFE


def test_half_written_file_is_taken_away(tmp_path, monkeypatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BrokerError) as caught:
        create_master_key(tmp_path / "master.key")
    assert caught.value.code == BrokerCode.MASTER_KEY_UNSAFE
    assert not (tmp_path / "master.key").exists()


def test_missing(tmp_path) -> None:
    assert refusal(tmp_path / "master.key") == BrokerCode.MASTER_KEY_MISSING


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o700, 0o644])
def test_looser_modes_are_refused(path, mode) -> None:
    path.chmod(mode)
    assert refusal(path) == BrokerCode.MASTER_KEY_UNSAFE


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_strict_modes_are_accepted(path, mode) -> None:
    path.chmod(mode)
    open_master_key(path)


def test_links_are_refused(path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    assert refusal(link) == BrokerCode.MASTER_KEY_UNSAFE


def test_folders_and_pipes_are_refused(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert refusal(tmp_path / "pipe") == BrokerCode.MASTER_KEY_UNSAFE
    assert refusal(tmp_path) == BrokerCode.MASTER_KEY_UNSAFE


def test_files_of_others_are_refused(path, monkeypatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert refusal(path) == BrokerCode.MASTER_KEY_UNSAFE


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: b"S" + data[1:],
        lambda data: b"",
    ],
)
def test_other_contents_are_malformed(path, change) -> None:
    path.write_bytes(change(path.read_bytes()))
    assert refusal(path) == BrokerCode.MASTER_KEY_MALFORMED


def test_another_master_key_does_not_unwrap() -> None:
    wrapped = SealedBox(b"o" * 32).wrap(b"secret", LABEL)
    with pytest.raises(BrokerError) as caught:
        SealedBox(MASTER).unwrap(wrapped, LABEL)
    assert caught.value.code == BrokerCode.BROKER_KEY_REFUSED


@pytest.mark.parametrize(
    "label",
    [
        KeyLabel("ear", "ab" * 32, 1, "ed25519"),
        KeyLabel("identity", "cd" * 32, 1, "ed25519"),
        KeyLabel("identity", "ab" * 32, 2, "ed25519"),
        KeyLabel("identity", "ab" * 32, 1, "p256"),
    ],
)
def test_wrapped_key_serves_its_own_label_only(label) -> None:
    """Attack: whoever can write the database moves a row to another purpose."""
    box = SealedBox(MASTER)
    with pytest.raises(BrokerError) as caught:
        box.unwrap(box.wrap(b"secret", LABEL), label)
    assert caught.value.code == BrokerCode.BROKER_KEY_REFUSED


def test_every_flipped_bit_is_refused() -> None:
    box = SealedBox(MASTER)
    wrapped = box.wrap(b"secret", LABEL)
    for bit in range(len(wrapped) * 8):
        flipped = bytearray(wrapped)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BrokerError):
            box.unwrap(bytes(flipped), LABEL)


@pytest.mark.parametrize(("size", "fits"), [(0, False), (1, True), (4096, True), (4097, False)])
def test_keys_have_a_size(size, fits) -> None:
    box = SealedBox(MASTER)
    if fits:
        assert box.unwrap(box.wrap(bytes(size), LABEL), LABEL) == bytes(size)
        return
    with pytest.raises(BrokerError):
        box.wrap(bytes(size), LABEL)
    with pytest.raises(BrokerError):
        box.unwrap(bytes(12 + 16 + size), LABEL)


def test_master_keys_are_32_bytes() -> None:
    for size in (0, 16, 31, 33):
        with pytest.raises(BrokerError) as caught:
            SealedBox(bytes(size))
        assert caught.value.code == BrokerCode.MASTER_KEY_MALFORMED


def test_box_shows_and_pickles_nothing() -> None:
    assert repr(SealedBox(MASTER)) == "<SealedBox>"
    with pytest.raises(TypeError):
        pickle.dumps(SealedBox(MASTER))


def test_form_is_nonce_ciphertext_tag() -> None:
    box = SealedBox(MASTER, entropy=lambda count: b"n" * count)
    associated = (
        b"sealwasm/broker-key/v1\x00"
        b'{"algorithm":"ed25519","key_id":"' + b"ab" * 32 + b'","purpose":"identity","version":1}'
    )
    expected = AESGCM(MASTER).encrypt(b"n" * 12, b"secret", associated)
    assert box.wrap(b"secret", LABEL) == b"n" * 12 + expected
