"""broker.yaml: what a broker listens on, whom it trusts, and the guardrails it starts with.

Files are named relative to the folder of broker.yaml. Nothing is trusted by default but the vendor
roots pinned in the package; simulated silicon takes its root and that root's fingerprint, both.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from keybroker import limits
from keybroker.protocol import FormatVersion
from keybroker.ratelimit import Rate
from keybroker.settings.evidence_policy import PolicySection
from keybroker.settings.named_files import invalid, read_named
from keybroker.settings.sections import Count, Digest, FileName, FileNames, Section
from keybroker.sources import Sources
from policies.errors import PolicyError
from policies.reader import read_yaml

FILE_NAME = "broker.yaml"


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


class KeysSection(Section):
    """Attestation keys of machines whose makers have no root, each file PEM, JWK or JWK set."""

    cca: FileNames = ()
    psa: FileNames = ()
    tpm: FileNames = ()


class EvidenceSection(Section):
    """What evidence is checked against, beside the vendor roots pinned in the package.

    `endorsements` are bundles that may change while the broker runs; where `endorsement_signers`
    are named, one of them must have signed each.
    """

    simulated: SimulatedRoot | None = None
    certificates: FileNames = ()
    crls: FileNames = ()
    endorsements: FileNames = ()
    endorsement_signers: FileNames = ()
    tpm_roots: FileNames = ()
    keys: KeysSection = KeysSection()
    policy: PolicySection = PolicySection()
    crl: Literal["required", "unsafe-not-required"] = "required"
    references: FileName


class RateSection(Section):
    """How often one source may ask."""

    burst: Count
    per_second: Count

    def to_rate(self) -> Rate:
        """Return the rate of a limiter."""
        return Rate(self.burst, float(self.per_second))


def _network(value: str) -> str:
    network = ipaddress.ip_network(value)
    if network.prefixlen == 0:
        raise ValueError("every address is meant, expected those of your proxies")
    return value


ProxyAddress = Annotated[str, Field(max_length=64), AfterValidator(_network)]


class ProxiesSection(Section):
    """Proxies in front of the broker, and the header in which they say who asks.

    `addresses` are addresses or networks of which everybody is believed; the header must be one
    that they set or append to themselves, whatever a client sends.
    """

    addresses: Annotated[tuple[ProxyAddress, ...], Field(min_length=1, max_length=limits.PROXIES)]
    header: Literal["x-forwarded-for", "forwarded"]

    def to_sources(self) -> Sources:
        """Return what tells sources apart behind these proxies."""
        return Sources(tuple(map(ipaddress.ip_network, self.addresses)), self.header)


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
    proxies: ProxiesSection | None = None
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
