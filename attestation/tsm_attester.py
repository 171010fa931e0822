"""Evidence from the kernel's one interface for confidential guests: configfs-tsm.

Linux ABI `configfs-tsm-report`: making a folder makes a request; `inblob` takes the report data,
`outblob` gives the report, `auxblob` what came with it, `provider` the driver's name and
`generation` a count of writes, by which a reader sees that somebody else wrote in between.
"""

from __future__ import annotations

import errno
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.limits import MAX_CERT_TABLE_BYTES, MAX_PART_BYTES, TSM_ATTEMPTS
from attestation.report_data import REPORT_DATA_BYTES

TSM_ROOT: Final = Path("/sys/kernel/config/tsm/report")


class _Provider(NamedTuple):
    """A driver: which TEE it is of, and the part names of what it gives."""

    tee: str
    outblob: str
    auxblob: str | None = None


PROVIDERS: Final[Mapping[str, _Provider]] = MappingProxyType(
    {
        "sev_guest": _Provider("snp", "report", "cert_table"),
        "tdx_guest": _Provider("tdx", "quote"),
        "arm_cca_guest": _Provider("cca", "token"),
    }
)


class _RaceError(Exception):
    """Somebody else wrote to our request, or the driver was busy."""


def _entry_name() -> str:
    return f"sealwasm-{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True)
class TsmAttester:
    """An `Attester` over configfs-tsm. Make one with `of`, which asks whose driver it is."""

    tee: str
    root: Path = TSM_ROOT
    privilege_level: int | None = None
    entry_name: Callable[[], str] = _entry_name

    @classmethod
    def of(cls, root: Path = TSM_ROOT, *, privilege_level: int | None = None) -> TsmAttester:
        """Return the attester of the driver behind `root`.

        `privilege_level` is the VMPL to ask from (SEV-SNP). Raises `OSError` where no request can
        be made, `EvidenceError` `unsupported` for a driver that is not known here.
        """
        entry = root / _entry_name()
        entry.mkdir()
        try:
            provider = _text(entry / "provider")
        finally:
            entry.rmdir()
        if provider not in PROVIDERS:
            raise EvidenceError(Refusal.UNSUPPORTED, f"configfs-tsm provider is {provider!r}")
        return cls(PROVIDERS[provider].tee, root, privilege_level)

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return fresh evidence over exactly these 64 bytes.

        Nothing is verified. Raises `ValueError` for another length, `OSError` from the driver, and
        `EvidenceError` `binding` if others kept writing to our requests.
        """
        if len(report_data) != REPORT_DATA_BYTES:
            raise ValueError(f"report data is {len(report_data)} bytes, expected 64")
        for _ in range(TSM_ATTEMPTS):
            entry = self.root / self.entry_name()
            entry.mkdir()
            try:
                return self._ask(entry, report_data)
            except _RaceError:
                continue
            finally:
                entry.rmdir()
        raise EvidenceError(Refusal.BINDING, "configfs-tsm: others wrote to our requests")

    def _ask(self, entry: Path, report_data: bytes) -> UnverifiedEvidence:
        provider = PROVIDERS.get(_text(entry / "provider"))
        if provider is None or provider.tee != self.tee:
            raise EvidenceError(Refusal.UNSUPPORTED, "configfs-tsm has another driver than before")
        writes = 1
        try:
            (entry / "inblob").write_bytes(report_data)
            if self.privilege_level is not None:
                (entry / "privlevel").write_bytes(str(self.privilege_level).encode())
                writes += 1
            parts = {provider.outblob: _read(entry / "outblob", MAX_PART_BYTES)}
            auxiliary = _read(entry / "auxblob", MAX_CERT_TABLE_BYTES)
            generation = int(_text(entry / "generation"))
        except OSError as error:
            if error.errno in {errno.EBUSY, errno.EWOULDBLOCK}:
                raise _RaceError from error
            raise
        # Read last: a write by somebody else at any moment before would be counted.
        if generation != writes:
            raise _RaceError
        if provider.auxblob is not None and auxiliary:
            parts[provider.auxblob] = auxiliary
        return UnverifiedEvidence(self.tee, parts)


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb", buffering=0) as file:
            data = b""
            while chunk := file.read(limit + 1 - len(data)):
                data += chunk
    except FileNotFoundError:
        return b""
    if len(data) > limit:
        raise EvidenceError(Refusal.MALFORMED, f"configfs-tsm {path.name} is over {limit} bytes")
    return data


def _text(path: Path) -> str:
    return _read(path, 256).decode("ascii", "replace").strip()
