"""Vectors of docs/specs/wasm-signature.md: modules that carry a signature, written by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sealing.keys import SigningKey
from tests.unit.sealing.makers import OWNER_ED25519, b64, flipped
from tests.unit.sealing.wasm_maker import HEADER, SMALL, custom, leb, section
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case

DELIMITER = custom("signature_delimiter", bytes(range(16)))
HEAD = b"\x01\x01\x01"
SECTIONS = SMALL[len(HEADER) :]
NOTE = custom("note", b"more")


def one(
    hashes: Sequence[bytes],
    key: SigningKey = OWNER_ED25519,
    *,
    key_id: bytes | None = None,
    algorithm: int = 1,
    spoil: bool = False,
) -> bytes:
    """Return one signature over `hashes`."""
    value = key.sign(b"wasmsig" + HEAD + b"".join(hashes))
    name = bytes.fromhex(key.key_id) if key_id is None else key_id
    value = flipped(value, 0) if spoil else value
    return leb(len(name)) + name + bytes([algorithm]) + leb(len(value)) + value


def hash_set(hashes: Sequence[bytes], *signatures: bytes) -> bytes:
    return leb(len(hashes)) + b"".join(hashes) + leb(len(signatures)) + b"".join(signatures)


def rolling(*parts: bytes) -> list[bytes]:
    return [hashlib.sha256(b"".join(parts[: count + 1])).digest() for count in range(len(parts))]


def signed(*sets: bytes, rest: bytes, head: bytes = HEAD, behind: bytes = b"") -> bytes:
    body = head + leb(len(sets)) + b"".join(sets) + behind
    return HEADER + custom("signature", body) + rest


WHOLE = SECTIONS + DELIMITER
HASHES = rolling(WHOLE)
GOOD = hash_set(HASHES, one(HASHES))
PARTS = (SECTIONS + DELIMITER, NOTE + DELIMITER)
BARE = rolling(SECTIONS)
STRANGER = SigningKey.from_pem(
    b"-----BEGIN PRIVATE KEY-----\n"
    b"MC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n"
    b"-----END PRIVATE KEY-----\n"
)


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    expect: str
    module: bytes


def refused(name: str, why: str, code: str, module: bytes) -> Case:
    return Case(name, why, f"seal-{code}", module)


def padded(module: bytes) -> bytes:
    """Return the module with the length of its first section in one byte more than needed."""
    at = len(HEADER) + 1
    assert module[at] >= 0x80
    return module[: at + 1] + bytes([module[at + 1] | 0x80, 0]) + module[at + 2 :]


CASES = (
    Case("whole", "E8: signed by the expected key", ACCEPTED, signed(GOOD, rest=WHOLE)),
    Case(
        "no-delimiter",
        "E6: no delimiter at all",
        ACCEPTED,
        signed(hash_set(BARE, one(BARE)), rest=SECTIONS),
    ),
    Case(
        "two-parts",
        "E7: every part in order",
        ACCEPTED,
        signed(hash_set(rolling(*PARTS), one(rolling(*PARTS))), rest=b"".join(PARTS)),
    ),
    Case(
        "stranger-beside",
        "E8: others may sign too",
        ACCEPTED,
        signed(hash_set(HASHES, one(HASHES, STRANGER), one(HASHES)), rest=WHOLE),
    ),
    Case(
        "part-beside",
        "E7: a set for a part is passed over",
        ACCEPTED,
        signed(hash_set([], one([])), GOOD, rest=WHOLE),
    ),
    Case(
        "other-algorithm-beside",
        "E8: signatures of other algorithms are passed over",
        ACCEPTED,
        signed(hash_set(HASHES, one(HASHES, algorithm=2), one(HASHES)), rest=WHOLE),
    ),
    refused("no-wasm", "E1: the magic", "not-wasm", b"MZ" + signed(GOOD, rest=WHOLE)),
    refused("empty", "E1: the magic", "not-wasm", b""),
    refused(
        "cut", "E1: sections as long as they say", "module-malformed", signed(GOOD, rest=WHOLE)[:-1]
    ),
    refused("many-sections", "E1: at most 1024", "too-large", HEADER + NOTE * 1025),
    refused("unsigned", "E2: the section is there", "signature-missing", SMALL),
    refused("no-sections", "E2: the section is there", "signature-missing", HEADER),
    refused(
        "signature-behind",
        "E2: it is the first",
        "signature-missing",
        SMALL + custom("signature", HEAD + leb(1) + GOOD) + DELIMITER,
    ),
    refused(
        "second-signature",
        "E2: there is one",
        "module-malformed",
        signed(GOOD, rest=custom("signature", HEAD + leb(0)) + WHOLE),
    ),
    refused(
        "not-custom",
        "E2: it is a custom section",
        "signature-missing",
        HEADER + section(1, b"\x09signature" + HEAD + leb(1) + GOOD) + WHOLE,
    ),
    refused(
        "other-version",
        "E3: version 1",
        "module-unsupported",
        signed(GOOD, rest=WHOLE, head=b"\x02\x01\x01"),
    ),
    refused(
        "other-content",
        "E3: a module",
        "module-unsupported",
        signed(GOOD, rest=WHOLE, head=b"\x01\x02\x01"),
    ),
    refused(
        "other-hash",
        "E3: SHA-256",
        "module-unsupported",
        signed(GOOD, rest=WHOLE, head=b"\x01\x01\x02"),
    ),
    refused(
        "empty-section",
        "E3: the three bytes",
        "module-malformed",
        HEADER + custom("signature") + WHOLE,
    ),
    refused("many-sets", "E4: at most 16 sets", "too-large", signed(*[GOOD] * 17, rest=WHOLE)),
    refused(
        "many-hashes",
        "E4: at most 64 hashes",
        "too-large",
        signed(hash_set(HASHES * 65, one(HASHES)), rest=WHOLE),
    ),
    refused(
        "many-signatures",
        "E4: at most 16 signatures",
        "too-large",
        signed(hash_set(HASHES, *[one(HASHES)] * 17), rest=WHOLE),
    ),
    refused(
        "long-key-id",
        "E4: at most 8 KiB",
        "too-large",
        signed(hash_set(HASHES, one(HASHES, key_id=bytes(8193))), rest=WHOLE),
    ),
    refused(
        "trailing", "E4: nothing behind", "module-malformed", signed(GOOD, rest=WHOLE, behind=b"\0")
    ),
    refused("cut-signature", "E4: whole", "module-malformed", signed(GOOD[:-1], rest=WHOLE)),
    refused("padded-section", "E5: one form", "module-malformed", padded(signed(GOOD, rest=WHOLE))),
    refused(
        "padded-count",
        "E5: one form",
        "module-malformed",
        HEADER + custom("signature", HEAD + b"\x81\x00" + GOOD) + WHOLE,
    ),
    refused(
        "appended",
        "E6: nothing behind the last delimiter",
        "module-malformed",
        signed(GOOD, rest=WHOLE) + NOTE,
    ),
    refused("no-set", "E7: a set for the whole", "signature-invalid", signed(rest=WHOLE)),
    refused("changed", "E7: the hashes hold", "signature-invalid", signed(GOOD, rest=NOTE + WHOLE)),
    refused(
        "other-delimiter",
        "E7: the delimiter is signed too",
        "signature-invalid",
        signed(GOOD, rest=SECTIONS + custom("signature_delimiter", bytes(16))),
    ),
    refused(
        "first-part-only",
        "E7: the whole module",
        "signature-invalid",
        signed(hash_set(rolling(*PARTS)[:1], one(rolling(*PARTS)[:1])), rest=b"".join(PARTS)),
    ),
    refused(
        "last-hash-only",
        "E7: every part",
        "signature-invalid",
        signed(hash_set(rolling(*PARTS)[1:], one(rolling(*PARTS)[1:])), rest=b"".join(PARTS)),
    ),
    refused(
        "delimiter-taken-off",
        "E7: no part is left out",
        "signature-invalid",
        signed(GOOD, rest=SECTIONS),
    ),
    refused(
        "no-signature", "E8: one at least", "signer-unknown", signed(hash_set(HASHES), rest=WHOLE)
    ),
    refused(
        "stranger",
        "E8: by an expected key",
        "signer-unknown",
        signed(hash_set(HASHES, one(HASHES, STRANGER)), rest=WHOLE),
    ),
    refused(
        "no-key-id",
        "E8: named by its id",
        "signer-unknown",
        signed(hash_set(HASHES, one(HASHES, key_id=b"")), rest=WHOLE),
    ),
    refused(
        "other-algorithm",
        "E8: Ed25519",
        "signer-unknown",
        signed(hash_set(HASHES, one(HASHES, algorithm=2)), rest=WHOLE),
    ),
    refused(
        "signature-bit",
        "E8: it holds",
        "signature-invalid",
        signed(hash_set(HASHES, one(HASHES, spoil=True)), rest=WHOLE),
    ),
    refused(
        "signed-by-another-under-our-name",
        "E8: it holds",
        "signature-invalid",
        signed(
            hash_set(HASHES, one(HASHES, STRANGER, key_id=bytes.fromhex(OWNER_ED25519.key_id))),
            rest=WHOLE,
        ),
    ),
)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "wasm-signature")
    for case in CASES:
        document = {
            "why": case.why,
            "expect": case.expect,
            "keys": [b64(OWNER_ED25519.public.spki)],
        }
        write_case(folder, case.name, document, {"module.wasm": case.module})
