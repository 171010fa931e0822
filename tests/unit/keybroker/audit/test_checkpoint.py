"""Checkpoints against the published notes, and against everything that is not one."""

from __future__ import annotations

import base64

import pytest

from keybroker.audit.checkpoint import (
    Checkpoint,
    LogKey,
    parse_note,
    sign_checkpoint,
    verify_checkpoint,
)
from keybroker.audit.limits import MAX_NOTE_BYTES, MAX_SIGNATURES, MAX_TREE_SIZE
from keybroker.errors import BrokerCode, BrokerError
from sealing.keys import SigningKey
from tests.unit.keybroker.audit.signers import HEAD, LOG, ORIGIN, OTHER_SIGNER, SIGNER

NOTE = sign_checkpoint(HEAD, SIGNER)

# The example of the C2SP signed-note document, and that of Go's package `note`.
PUBLISHED = [
    (
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "This is an example message.\n",
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=",
    ),
    (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        """\
If you think cryptography is the answer to your problem,
then you don't know what your problem is.
""",
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=",
    ),
]


def refusal(note: bytes, log: LogKey = LOG) -> BrokerCode:
    with pytest.raises(BrokerError) as caught:
        verify_checkpoint(note, log)
    return caught.value.code


@pytest.mark.parametrize(("vkey", "text", "encoded"), PUBLISHED)
def test_published_notes_verify(vkey, text, encoded) -> None:
    key = LogKey.parse(vkey)
    assert key.vkey == vkey
    parsed = parse_note(f"{text}\n— {key.origin} {encoded}\n".encode())
    assert parsed.text == text.encode()
    ((name, key_hash, signature),) = parsed.signatures
    assert (name, key_hash) == (key.origin, key.key_hash)
    key.key.verify(signature, parsed.text)


def test_what_is_signed_verifies() -> None:
    assert verify_checkpoint(NOTE, LOG) == HEAD
    assert sign_checkpoint(HEAD, SIGNER) == NOTE
    assert LogKey.parse(LOG.vkey) == LOG


@pytest.mark.parametrize("size", [0, 1, MAX_TREE_SIZE])
def test_sizes_within_the_limit(size) -> None:
    head = Checkpoint(ORIGIN, size, bytes(32))
    assert verify_checkpoint(sign_checkpoint(head, SIGNER), LOG) == head


def test_every_flipped_bit_is_refused() -> None:
    for bit in range(len(NOTE) * 8):
        flipped = bytearray(NOTE)
        flipped[bit // 8] ^= 1 << bit % 8
        refusal(bytes(flipped))


def line_of(name: str, raw: bytes) -> bytes:
    return f"— {name} {base64.b64encode(raw).decode()}\n".encode()


def test_unknown_signatures_are_ignored() -> None:
    """C2SP: verifiers MUST ignore signatures from unknown keys, also of the same name or hash."""
    others = [
        line_of("witness.example", b"\1\2\3\4" + bytes(72)),
        line_of(ORIGIN, b"\1\2\3\4" + bytes(64)),
        line_of("witness.example", LOG.key_hash + bytes(64)),
    ]
    assert verify_checkpoint(NOTE + b"".join(others), LOG) == HEAD
    text, _, ours = NOTE.partition(b"\n\n")
    assert verify_checkpoint(text + b"\n\n" + b"".join(others) + ours, LOG) == HEAD


def test_up_to_the_limit_of_signatures() -> None:
    extra = [line_of(f"w{number}", bytes(68)) for number in range(MAX_SIGNATURES)]
    assert verify_checkpoint(NOTE + b"".join(extra[:-1]), LOG) == HEAD
    assert refusal(NOTE + b"".join(extra)) == BrokerCode.CHECKPOINT_MALFORMED


def test_key_that_signs_twice_is_refused() -> None:
    text, _, line = NOTE.partition(b"\n\n")
    assert refusal(text + b"\n\n" + line + line) == BrokerCode.CHECKPOINT_MALFORMED


def test_other_keys_do_not_count() -> None:
    assert refusal(sign_checkpoint(HEAD, OTHER_SIGNER)) == BrokerCode.CHECKPOINT_UNSIGNED
    other = Checkpoint("other.example/log", HEAD.size, HEAD.root)
    assert refusal(sign_checkpoint(other, SIGNER)) == BrokerCode.CHECKPOINT_OTHER_LOG


def test_signature_over_another_head_is_refused() -> None:
    _, _, line = sign_checkpoint(Checkpoint(ORIGIN, 6, HEAD.root), SIGNER).partition(b"\n\n")
    text = NOTE.partition(b"\n\n")[0]
    assert refusal(text + b"\n\n" + line) == BrokerCode.CHECKPOINT_BAD_SIGNATURE


def signed_text(text: str) -> bytes:
    """Any text, signed by the log's own key."""
    signature = LOG.key_hash + SIGNER.sign(text.encode())
    return f"{text}\n".encode() + line_of(ORIGIN, signature)


ROOT = base64.b64encode(HEAD.root).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n05\n{ROOT}\n",
        f"{ORIGIN}\n+5\n{ROOT}\n",
        f"{ORIGIN}\n 5\n{ROOT}\n",
        f"{ORIGIN}\n-5\n{ROOT}\n",
        f"{ORIGIN}\n\N{ARABIC-INDIC DIGIT FIVE}\n{ROOT}\n",
        f"{ORIGIN}\n{MAX_TREE_SIZE + 1}\n{ROOT}\n",
        f"{ORIGIN}\n{10**30}\n{ROOT}\n",
        f"{ORIGIN}\n5\n{ROOT[:-1]}\n",
        f"{ORIGIN}\n5\n{ROOT[:-2]}B=\n",
        f"{ORIGIN}\n5\n{base64.b64encode(bytes(31)).decode()}\n",
        f"{ORIGIN}\n5\n{ROOT}\nextension\n",
        f"{ORIGIN}\n5\n",
        f"{ORIGIN}\n5\n{ROOT}\n\n",
        f"\n5\n{ROOT}\n",
        f"spaced origin\n5\n{ROOT}\n",
        f"plus+origin\n5\n{ROOT}\n",
    ],
)
def test_other_texts_are_malformed_even_if_signed(text) -> None:
    assert refusal(signed_text(text)) == BrokerCode.CHECKPOINT_MALFORMED


@pytest.mark.parametrize(
    "change",
    [
        lambda note: b"",
        lambda note: note[:-1],
        lambda note: note + b"\n",
        lambda note: note + b"junk\n",
        lambda note: note.replace(b"\n\n", b"\n"),
        lambda note: note.replace(b"\n", b"\r\n"),
        lambda note: note.replace("—".encode(), b"-"),
        lambda note: note.replace("— ".encode(), "—  ".encode()),
        lambda note: note.replace("— ".encode(), b"\xff "),
        lambda note: note.partition(b"\n\n")[0] + b"\n\n",
        lambda note: note + line_of("w", b"\1\2\3\4"),
        lambda note: note + "— w AAAAAAB=\n".encode(),
        lambda note: note + "— w ====\n".encode(),
        lambda note: note + b"x" * MAX_NOTE_BYTES,
    ],
)
def test_other_forms_are_malformed(change) -> None:
    assert refusal(change(NOTE)) == BrokerCode.CHECKPOINT_MALFORMED


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "a+b",
        LOG.vkey[:-1],
        LOG.vkey.replace("+", "-", 1),
        LOG.vkey.replace(LOG.key_hash.hex(), LOG.key_hash.hex().upper()),
        LOG.vkey.replace(LOG.key_hash.hex(), "00000000"),
        f"{ORIGIN}+{LOG.key_hash.hex()}+{base64.b64encode(bytes(33)).decode()}",
        f"{ORIGIN}+{LOG.key_hash.hex()}+",
        f"+{LOG.vkey.partition('+')[2]}",
        f"é{LOG.vkey}",
        f" {LOG.vkey}",
    ],
)
def test_other_log_keys_are_malformed(vkey) -> None:
    with pytest.raises(BrokerError) as caught:
        LogKey.parse(vkey)
    assert caught.value.code == BrokerCode.LOG_KEY_MALFORMED


def test_log_signs_with_ed25519_under_a_plain_name() -> None:
    for origin, key in ((ORIGIN, SigningKey.generate("p256")), ("a b", SIGNER), ("a+b", SIGNER)):
        with pytest.raises(BrokerError) as caught:
            sign_checkpoint(Checkpoint(origin, 0, bytes(32)), key)
        assert caught.value.code == BrokerCode.LOG_KEY_MALFORMED
