"""The launch measurement of simulated silicon: a digest over what it says it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from attestation.encoding import canonical_json


def measure_files(files: Mapping[str, bytes], facts: Mapping[str, str]) -> bytes:
    """Return 48 bytes that change with any file's name or SHA-256 digest, or any fact.

    `files` maps a path as installed to the digest of its content; `facts` holds what else counts,
    such as the engine's version and configuration. SHA-384 over the RFC 8785 form of both. Not
    checked: that the files are there. Raises `ValueError` for an empty list of files or a value
    that is no SHA-256 digest.
    """
    if not files:
        raise ValueError("a measurement of no files measures nothing")
    if any(len(digest) != hashlib.sha256().digest_size for digest in files.values()):
        raise ValueError("a file digest is not 32 bytes")
    document = {
        "facts": dict(facts),
        "files": {path: digest.hex() for path, digest in files.items()},
        "format": "sealwasm/simulated-measurement/v1",
    }
    return hashlib.sha384(canonical_json(document)).digest()
