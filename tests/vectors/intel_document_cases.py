"""Vectors of step K5: TCB info and QE identity of another form, rightly signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.vectors.intel_books import Books
from tests.vectors.intel_world import Case, Document


def _set(*path: Any, to: Any) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        target: Any = document
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = to

    return change


def _without(*path: Any) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        target: Any = document
        for step in path[:-1]:
            target = target[step]
        del target[path[-1]]

    return change


LEVEL = ("tcbLevels", 0)
COMPONENTS = (*LEVEL, "tcb", "sgxtcbcomponents")


def tcb_info_documents(books: Books) -> Iterator[Case]:
    def bad(name: str, *changes: Callable[[Document], Any]) -> Case:
        made = books.world.tcb_info(lambda document: [change(document) for change in changes])
        return books.case(f"tcb-{name}", "K5: TCB info version 3", "malformed", made)

    yield bad("version-2", _set("version", to=2))
    yield bad("version-4", _set("version", to=4))
    yield bad("version-text", _set("version", to="3"))
    yield bad("type-1", _set("tcbType", to=1))
    for name in (
        "id",
        "issueDate",
        "nextUpdate",
        "fmspc",
        "pceId",
        "tcbEvaluationDataNumber",
        "tcbLevels",
    ):
        yield bad(f"no-{name}", _without(name))
    yield bad("unknown-member", _set("revoked", to=True))
    yield bad("id-other", _set("id", to="TPM"))
    yield bad("fmspc-short", _set("fmspc", to="00"))
    yield bad("date", _set("issueDate", to="2026-11-31T00:00:00Z"))
    yield bad("date-zone", _set("issueDate", to="2026-11-01T00:00:00+00:00"))
    yield bad("number-negative", _set("tcbEvaluationDataNumber", to=-1))
    yield bad("number-true", _set("tcbEvaluationDataNumber", to=True))
    yield bad("no-levels", _set("tcbLevels", to=[]))
    yield bad("level-unknown-status", _set(*LEVEL, "tcbStatus", to="Fine"))
    yield bad("level-unknown-member", _set(*LEVEL, "note", to=""))
    yield bad("level-no-date", _without(*LEVEL, "tcbDate"))
    yield bad("15-components", _without(*COMPONENTS, 15))
    yield bad("svn-256", _set(*COMPONENTS, 0, "svn", to=256))
    yield bad("svn-text", _set(*COMPONENTS, 0, "svn", to="1"))
    yield bad("component-unknown-member", _set(*COMPONENTS, 0, "note", to=""))
    yield bad("pcesvn-65536", _set(*LEVEL, "tcb", "pcesvn", to=65536))
    yield bad("component-number", _set(*COMPONENTS, 0, "category", to=1))
    yield bad("advisory-number", _set(*LEVEL, "advisoryIDs", to=[1]))
    yield bad("advisory-space", _set(*LEVEL, "advisoryIDs", to=["INTEL SA"]))
    yield bad("advisories-text", _set(*LEVEL, "advisoryIDs", to="INTEL-SA-00001"))
    none = books.world.tcb_info(_set(*LEVEL, "advisoryIDs", to=[]))
    yield books.accepted("tcb-no-advisories", "K5: an empty list of advisories", none)
    signer = books.vendor.tcb_signer
    twice = books.good.tcb_info.replace('"version":3', '"version":2,"version":3')
    yield books.case(
        "tcb-name-twice", "K5: no name twice", "malformed", books.good.with_tcb_info(twice, signer)
    )
    yield books.case("tcb-not-json", "K5: JSON", "malformed", books.good.with_tcb_info("{", signer))


def identity_documents(books: Books) -> Iterator[Case]:
    def bad(name: str, change: Callable[[Document], Any]) -> Case:
        made = books.world.identity(change)
        return books.case(f"identity-{name}", "K5: QE identity version 2", "malformed", made)

    yield bad("version-1", _set("version", to=1))
    for name in ("id", "miscselect", "attributesMask", "mrsigner", "isvprodid", "tcbLevels"):
        yield bad(f"no-{name}", _without(name))
    yield bad("unknown-member", _set("note", to=""))
    yield bad("mrsigner-short", _set("mrsigner", to="00" * 31))
    yield bad("prod-id-65536", _set("isvprodid", to=65536))
    yield bad("level-unknown-status", _set(*LEVEL, "tcbStatus", to="ConfigurationNeeded"))
    yield bad("level-twice", _set("tcbLevels", 1, "tcb", "isvsvn", to=8))
    signer = books.vendor.tcb_signer
    yield books.case(
        "identity-not-object",
        "K5: an object",
        "malformed",
        books.good.with_qe_identity("[]", signer),
    )
