"""Who will see what of a module once it is published, in the words of its owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealing.holders.disclosure import Bill
    from sealing.signatures.statement import SealedModuleStatement


def seen_by(statement: SealedModuleStatement, *, ciphertext_bytes: int) -> dict[str, list[str]]:
    """Return what each party sees of a sealed module, the most curious first."""
    public = [
        f"{ciphertext_bytes} bytes of ciphertext: the size of the module, not its code",
        f"name {statement.module}, version {statement.version}, when it was sealed",
        f"owner key {statement.owner}",
        f"name of the release policy: {statement.policy}",
        "the capability policy, every word of it",
        *_told_of(statement.bill),
    ]
    brokers = "the broker" if len(statement.brokers) == 1 else f"{len(statement.brokers)} brokers"
    share = (
        "the content key while it answers a request, never the module"
        if statement.threshold == 1
        else f"one share of the content key: it takes {statement.threshold} brokers to have it"
    )
    return {
        "registry and network": public,
        brokers: ["all of that", "the evidence of every runner that asks", share],
        "node": ["all of that", "that it runs, for how long, with which inputs and outputs"],
        "runner in its TEE": ["the module, while it runs"],
        **_other_holders(statement.recipients),
    }


def _other_holders(kinds: Sequence[str]) -> dict[str, list[str]]:
    from sealing.holders.outside import COCO, JWE
    from sealing.holders.recipients import RECOVERY

    module = "the module, whenever they like, with no broker asked"
    known = {
        RECOVERY: ("who has the recovery key and its passphrase", module),
        JWE: ("who has the private key of --also jwe", module),
        COCO: ("guests that the KBS of --also coco admits", module),
    }
    return {known[kind][0]: [known[kind][1]] for kind in kinds if kind in known}


def _told_of(bill: Bill) -> list[str]:
    from sealing.hidden_bill import HiddenBill

    if isinstance(bill, HiddenBill):
        return [
            "neither its imports nor its digest: those are for who has the content key",
            "what the capability policy grants is in clear nevertheless",
        ]
    made_of = f"{len(bill.imports)} imports, {len(bill.exports)} exports, all by name"
    return [
        f"bill of materials: {made_of}, {bill.functions} functions, the tools that made it",
        "the digest of the plaintext: who has the module already knows that it is this one",
    ]


def as_lines(seen: dict[str, list[str]]) -> list[str]:
    """Return it as lines for people."""
    return [line for who, what in seen.items() for line in (f"seen by {who}:", *_indented(what))]


def _indented(what: list[str]) -> list[str]:
    return [f"  {one}" for one in what]
