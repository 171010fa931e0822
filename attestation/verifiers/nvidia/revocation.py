"""Whether a chain of NVIDIA's was revoked: the packaged list, and OCSP where it was given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attestation.endorsements import DocumentKind, Endorsements
from attestation.ocsp import check_ocsp
from attestation.policy import NvidiaPolicy
from attestation.trace import Trace
from attestation.verifiers.nvidia.chain import PROFILE
from attestation.verifiers.nvidia.known_revocations import check_known
from attestation.x509.certificate import Certificate


def check_revocation(
    path: Sequence[Certificate],
    answered: Sequence[Certificate],
    *,
    endorsements: Endorsements,
    policy: NvidiaPolicy,
    now: datetime,
    trace: Trace,
) -> bool:
    """Return whether each certificate in `answered`, those NVIDIA answers for, is said to be good.

    Raises `EvidenceError` for one that is revoked, and as `check_ocsp` does.
    """
    trace.check("D3", "known as revoked", "no", lambda: f"serial {path[1].serial:x}")
    check_known(path)
    documents = endorsements.of_kind(DocumentKind.OCSP)
    wanted = f"{len(answered)} answers" if policy.require_ocsp else "those given"
    trace.check("O8", "OCSP responses", wanted, f"{len(documents)} given")
    good = check_ocsp(
        path,
        documents,
        algorithms=PROFILE.algorithms,
        required=answered if policy.require_ocsp else (),
        now=now,
    )
    return good >= {one.fingerprint for one in answered}
