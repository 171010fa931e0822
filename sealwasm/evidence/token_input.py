"""From options to the policy of a token's issuer, and its verification."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sealwasm.failure import CliError, Kind
from sealwasm.files import read_file

if TYPE_CHECKING:
    from attestation.tokens.claims import TokenClaims
    from attestation.trace import Trace

ISSUERS = ["maa", "gcs", "ita", "nras"]


def verify_token(
    kind: str, file: str, given: dict[str, Any], now: datetime, trace: Trace
) -> TokenClaims:
    """Return what a token of one of the services proves; raise `EvidenceError`."""
    from attestation.keys import load_keys
    from attestation.tokens.gcs import verify_gcs
    from attestation.tokens.ita import verify_ita
    from attestation.tokens.maa import verify_maa
    from attestation.tokens.nras import verify_nras

    keys = tuple(key for path in given["keys"] for key in load_keys(read_file(path)))
    data = read_file(file)
    policy = _policy(kind, given)
    if kind == "nras":
        return verify_nras(data, keys=keys, policy=policy, now=now, trace=trace)
    verifiers: dict[str, Callable[..., TokenClaims]] = {
        "maa": verify_maa,
        "gcs": verify_gcs,
        "ita": verify_ita,
    }
    # A text file may end in a line break; the token in it does not.
    text = data.rstrip(b"\r\n").decode("utf-8", "replace")
    return verifiers[kind](text, keys=keys, policy=policy, now=now, trace=trace)


def _policy(kind: str, given: dict[str, Any]) -> Any:
    from attestation.ear import Unsafe
    from attestation.tokens.policy import (
        GCS_ISSUER,
        NRAS_ISSUER,
        GcsPolicy,
        ItaPolicy,
        MaaPolicy,
        NrasPolicy,
    )

    nonce = given["nonce"]
    if nonce is None and not given["unsafe_any_nonce"]:
        raise _missing("--nonce TEXT", "a token that is not bound to a request can be replayed")
    if nonce is None:
        nonce = Unsafe.NOT_CHECKED
    if kind == "gcs":
        audience = given["audience"]
        if audience is None:
            raise _missing("--audience TEXT", "a token for somebody else proves nothing to you")
        return GcsPolicy(audience, nonce, issuer=given["issuer"] or GCS_ISSUER)
    if kind == "nras":
        models = frozenset(given["hwmodels"]) or Unsafe.NOT_CHECKED
        return NrasPolicy(nonce, models, issuer=given["issuer"] or NRAS_ISSUER)
    if given["issuer"] is None:
        raise _missing("--issuer URL", "each customer has an issuer of their own")
    return (MaaPolicy if kind == "maa" else ItaPolicy)(given["issuer"], nonce)


def _missing(option: str, why: str) -> CliError:
    return CliError(
        Kind.USAGE, "token-expectation", f"{option} is missing", why=why, next_step=option
    )
