"""Lists that a registry gives out page by page, and never without end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.fields import next_page, parse_tags
from sealing.oci.registry.answers import Answer
from sealing.oci.registry.http import Call, RegistryHttp

_OK: Final = frozenset({200})


def pages(http: RegistryHttp, call: Call, *, limit_bytes: int, most: int) -> Iterator[Answer]:
    """Give the answer to `call` and to every page that follows, all on the registry itself.

    Raises `SealError`, `seal-too-large` where more than `most` pages would follow each other.
    """
    for _ in range(most):
        answer = http.call(call, limit_bytes=limit_bytes)
        yield answer
        following = next_page(answer.headers.get("link", ""))
        if following is None:
            return
        call = replace(call, path=http.own_url(following))
    raise SealError(SealRefusal.TOO_LARGE, f"{call.name}: more than {most} pages")


def tags(http: RegistryHttp, name: str, scope: str) -> tuple[str, ...]:
    """Return the tags of repository `name`, each once, as the registry orders them."""
    call = Call("GET", f"/v2/{name}/tags/list?n={limits.TAG_PAGE_ENTRIES}", scope, _OK)
    found: dict[str, None] = {}
    for answer in pages(http, call, limit_bytes=limits.TAGS_BYTES, most=limits.TAG_PAGES):
        found |= dict.fromkeys(parse_tags(answer.body))
        if len(found) > limits.TAGS:
            raise SealError(SealRefusal.TOO_LARGE, f"{call.name}: more than {limits.TAGS} tags")
    return tuple(found)
