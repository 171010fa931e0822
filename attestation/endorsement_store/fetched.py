"""What a fetcher hands to the store, not yet judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from attestation.endorsement_store.http import HttpClient, Reply
from attestation.endorsement_store.services import VendorUrls
from attestation.limits import MAX_VENDOR_BYTES

_MAX_SOURCE: Final = 512


@dataclass(frozen=True, slots=True)
class Fetched:
    """One document as a service gave it. `name` only where its content does not say what it is."""

    kind: str
    data: bytes = field(repr=False)
    source: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Errand:
    """One document's worth of questions: whom to ask, where, and by when it must be done."""

    http: HttpClient
    urls: VendorUrls
    deadline: float

    def get(self, url: str) -> Reply:
        """Return the answer to GET; raises as `HttpClient.get`."""
        return self.http.get(url, limit_bytes=MAX_VENDOR_BYTES, deadline=self.deadline)

    def post(self, url: str, content: bytes, content_type: str) -> Reply:
        """Return the answer to POST; raises as `HttpClient.post`."""
        return self.http.post(
            url, content, content_type, limit_bytes=MAX_VENDOR_BYTES, deadline=self.deadline
        )


def source_of(url: str) -> str:
    """Return an address as a bundle notes it."""
    return url.replace(",", "%2C").replace('"', "%22").replace("\\", "%5C")[:_MAX_SOURCE]
