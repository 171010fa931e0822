"""Which TEE this machine offers, by looking at its devices in a fixed order.

Only says who could be asked for evidence. Whether such evidence is worth anything is for a
verifier to say, somewhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from attestation.attesters import Attester
from attestation.azure_service import AzureService
from attestation.errors import EvidenceError
from attestation.nsm import NSM_PATH, NsmAttester, NsmFile
from attestation.tpm.client import Tpm
from attestation.tpm.transport import open_transport
from attestation.tpm_attester import AzureAttester
from attestation.tsm_attester import TSM_ROOT, TsmAttester

TPM_PATH: Final = Path("/dev/tpmrm0")


class State(StrEnum):
    """What was found at one place."""

    USABLE = "usable"
    ABSENT = "absent"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that was looked at, and why it will or will not do."""

    what: str
    where: str
    state: State
    why: str
    attester: Attester | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Places:
    """Where devices are; another root for tests and for containers."""

    tsm: Path = TSM_ROOT
    nsm: Path = NSM_PATH
    tpm: Path = TPM_PATH


def look(places: Places | None = None) -> list[Finding]:
    """Return what every place offers, the ones to prefer first.

    Confidential guests come before the enclave and the TPM: their evidence covers memory.
    """
    return list(_findings(places or Places()))


def first_usable(findings: list[Finding]) -> Attester | None:
    """Return the attester to use, or None."""
    return next((one.attester for one in findings if one.attester is not None), None)


def _findings(places: Places) -> Iterator[Finding]:
    yield _probe(
        "configfs-tsm (SEV-SNP, TDX, Arm CCA)",
        places.tsm,
        lambda: TsmAttester.of(places.tsm),
        "no confidential guest, or its kernel is older than 6.7",
    )
    yield _probe(
        "Nitro security module",
        places.nsm,
        lambda: NsmAttester(NsmFile(places.nsm)),
        "not inside an AWS Nitro Enclave",
    )
    azure = _probe(
        "Azure confidential guest",
        places.tpm,
        lambda: AzureAttester.of(lambda: Tpm(open_transport(places.tpm)), AzureService()),
        "no TPM",
    )
    yield azure
    yield _tpm(places.tpm, is_azure=azure.attester is not None)


def _probe(what: str, where: Path, make: Callable[[], Attester], absent: str) -> Finding:
    if not where.exists():
        return Finding(what, str(where), State.ABSENT, absent)
    try:
        attester = make()
    except (EvidenceError, OSError) as error:
        return Finding(what, str(where), State.UNUSABLE, str(error))
    return Finding(what, str(where), State.USABLE, f"gives evidence of {attester.tee}", attester)


def _tpm(where: Path, *, is_azure: bool) -> Finding:
    what = "TPM 2.0"
    if is_azure:
        return Finding(what, str(where), State.UNUSABLE, "is the paravisor's: see above")
    if not where.exists():
        return Finding(what, str(where), State.ABSENT, "no TPM, or its driver is not loaded")
    why = "needs an attestation key that a broker has enrolled: sealwasm run --tpm"
    return Finding(what, str(where), State.UNUSABLE, why)
