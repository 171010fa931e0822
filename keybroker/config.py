"""broker.yaml: what a broker listens on, whom it trusts, and the guardrails it starts with.

Files are named relative to the folder of broker.yaml. Nothing is trusted by default but the vendor
roots pinned in the package; simulated silicon takes its root and that root's fingerprint, both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from keybroker import limits
from keybroker.errors import BrokerCode, BrokerError
from keybroker.protocol import FormatVersion
from keybroker.ratelimit import Rate
from policies.errors import PolicyError
from policies.reader import read_yaml

FILE_NAME = "broker.yaml"

FileName = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]
FileNames = Annotated[tuple[FileName, ...], Field(max_length=limits.NAMED_FILES)]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


def kebab(name: str) -> str:
    """The YAML key of a field: `per_second` is written `per-second`."""
    return name.replace("_", "-")


class Section(BaseModel):
    """A mapping with known keys, as in a policy."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        alias_generator=kebab,
        populate_by_name=True,
    )


class Listen(Section):
    """An address; port 0 takes a free one."""

    host: Annotated[str, Field(min_length=1, max_length=253)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)]


API = Listen(port=8440)
OPERATIONS = Listen(port=8441)


class SimulatedRoot(Section):
    """The root of simulated silicon. Whoever trusts it trusts no hardware at all."""

    root: FileName
    fingerprint: Digest


class EvidenceSection(Section):
    """What evidence is checked against, beside the vendor roots pinned in the package."""

    simulated: SimulatedRoot | None = None
    certificates: FileNames = ()
    crls: FileNames = ()
    tpm_roots: FileNames = ()
    crl: Literal["required", "unsafe-not-required"] = "required"
    references: FileName


class RateSection(Section):
    """How often one source may ask."""

    burst: Count
    per_second: Count

    def to_rate(self) -> Rate:
        """Return the rate of a limiter."""
        return Rate(self.burst, float(self.per_second))


class QuotaSection(Section):
    """How much one policy of one owner may have out at once, and a day."""

    live_leases: Count = 10_000
    releases_per_day: Count = 100_000


class BrokerConfig(Section):
    """The whole file."""

    version: FormatVersion
    origin: Annotated[str, Field(pattern=r"^[!-*,-~]{1,255}$")]
    listen: Listen = API
    operations: Listen = OPERATIONS
    operator: FileName
    evidence: EvidenceSection
    guardrails: FileNames = ()
    challenges: RateSection = RateSection(burst=200, per_second=100)
    releases: RateSection = RateSection(burst=100, per_second=50)
    documents: RateSection = RateSection(burst=20, per_second=5)
    quota: QuotaSection = QuotaSection()


def parse_config(data: bytes, *, name: str = FILE_NAME) -> BrokerConfig:
    """Return the configuration in `data`, or raise `BrokerError` with `CONFIG_INVALID`.

    The files it names are not read.
    """
    if len(data) > limits.CONFIG_BYTES:
        raise invalid(f"{name}: {len(data)} bytes, limit {limits.CONFIG_BYTES}")
    try:
        value, _ = read_yaml(data, name=name)
        return BrokerConfig.model_validate(value)
    except PolicyError as error:
        raise invalid(str(error)) from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise invalid(f"{name}: {'; '.join(problems)}") from error


def load_config(folder: Path) -> BrokerConfig:
    """Return the configuration of the broker in `folder`, or raise `CONFIG_INVALID`."""
    return parse_config(read_named(folder, FILE_NAME))


def read_named(folder: Path, name: str) -> bytes:
    """Return the bytes of a file that the configuration names, or raise `CONFIG_INVALID`."""
    path = folder / name
    try:
        with path.open("rb") as file:
            data = file.read(limits.NAMED_FILE_BYTES + 1)
    except OSError as error:
        raise invalid(f"{path}: {error.strerror}") from error
    if len(data) > limits.NAMED_FILE_BYTES:
        raise invalid(f"{path}: more than {limits.NAMED_FILE_BYTES} bytes")
    return data


def invalid(detail: str) -> BrokerError:
    """Return the error for a configuration or a file that it names."""
    return BrokerError(BrokerCode.CONFIG_INVALID, detail)
