"""A bill of materials that only who has the content key can read off the module, and check.

In place of the bill the owner signs a commitment to it. It is keyed: with a plain digest anybody
could take a module that is known, and confirm that this ciphertext is it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any, Final, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sealing import canonical
from sealing.bill import AnyBill

LABEL: Final = b"sealwasm/hidden-bill/v1"
_COMMITMENT: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class HiddenBill:
    """A commitment: 64 lower hex digits of HMAC-SHA256 over the canonical form of the bill."""

    commitment: str

    @classmethod
    def of(cls, bill: AnyBill, symkey: bytes) -> Self:
        """Return the commitment to `bill` under the content key of its module."""
        key = HKDF(hashes.SHA256(), length=32, salt=None, info=LABEL).derive(symkey)
        return cls(hmac.new(key, canonical.encode(bill.to_document()), hashlib.sha256).hexdigest())

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Return the commitment in a statement, or raise `SealError`."""
        text = canonical.text(value, "hidden-bill")
        if not _COMMITMENT.fullmatch(text):
            raise canonical.malformed("hidden-bill", "not 64 lower hexadecimal digits")
        return cls(text)

    def fits(self, bill: AnyBill, symkey: bytes) -> bool:
        """Return whether `bill` is the one that was committed to."""
        return hmac.compare_digest(self.commitment, self.of(bill, symkey).commitment)
