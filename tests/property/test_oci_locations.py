"""A URL that a registry names is one we can ask, or our error."""

from __future__ import annotations

from contextlib import suppress

import httpx
from hypothesis import given
from hypothesis import strategies as st

from sealing.errors import SealError
from sealing.oci.registry.http import _joined

BASE = httpx.URL("https://registry.example.com")
SIGNS = ["/", "..", "[", "]", ":", "@", "%", "%zz", "#", "?", "-", " ", "\\", "%2f", "\x7f", "é"]
NAMES = ["https://", "http://", "//", "data:", "a", "xn--", "127.1", "::1", "443", "99999", "0"]
PIECES = st.sampled_from([*SIGNS, *NAMES])


@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=7).map("".join)))
def test_asked_or_refused(text: str) -> None:
    with suppress(SealError):
        url = _joined(BASE, text)
        assert url.scheme
        assert 0 < (url.port or 443) <= 65535
        assert not httpx.Request("GET", url).url.userinfo
