"""TPM structures, PCR values, event logs, HCL reports and runtime data."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from attestation.eventlog import replay_ccel, replay_pcrs
from attestation.eventlog.events import command_lines, describe, secure_boot
from attestation.eventlog.log import parse_event_log
from attestation.intel.quote import parse_quote as parse_td_quote
from attestation.intel.reports import TdReport
from attestation.simulated.tpm.log_writer import boot_log
from attestation.tpm.attest import parse_quote
from attestation.tpm.constants import ALG_SHA256, ALG_SHA384
from attestation.tpm.pcr import parse_pcrs
from attestation.tpm.public import parse_public
from attestation.tpm.signature import parse_signature
from attestation.verifiers.azure.hcl import parse_hcl_report
from attestation.verifiers.azure.runtime import parse_runtime
from attestation.verifiers.azure.tdreport import require_same_td
from tests.fakes.tpm import VENDOR
from tests.fuzz.target import Target

VECTORS = Path(__file__).parents[2] / "vectors"
KEY = VENDOR.ak().public_key()


def _files(pattern: str) -> list[bytes]:
    found = sorted(VECTORS.glob(pattern))
    return [path.read_bytes() for path in found[:: max(1, len(found) // 16)]]


def _hcl(data: bytes) -> object:
    return parse_runtime(parse_hcl_report(data).runtime)


def _log(data: bytes) -> object:
    log = parse_event_log(data)
    registers = replay_pcrs(log, ALG_SHA256)
    texts = [describe(one) for one in log.events], command_lines(log, ALG_SHA256)
    return registers, texts, secure_boot(log, ALG_SHA256, 7)


@cache
def _quoted() -> TdReport:
    body = parse_td_quote(_files("azure/common/*.td_quote.bin")[0]).body
    assert isinstance(body, TdReport)
    return body


def _tdreport(data: bytes) -> None:
    require_same_td(data, _quoted())


TARGETS = [
    Target("tpm-quote", parse_quote, lambda: _files("tpm/common/*.quote.bin")),
    Target("tpm-public", parse_public, lambda: _files("tpm/common/*.ak_public.bin")),
    Target(
        "tpm-signature",
        lambda data: parse_signature(data, KEY),
        lambda: _files("tpm/common/*.signature.bin"),
    ),
    Target("tpm-pcrs", parse_pcrs, lambda: _files("tpm/common/*.pcrs.bin")),
    Target("event-log", _log, lambda: _files("tpm/common/*.event_log.bin")),
    Target("ccel", replay_ccel, lambda: [boot_log(banks=(ALG_SHA384,))]),
    Target("hcl-report", _hcl, lambda: _files("azure/common/*.hcl_report.bin")),
    Target(
        "tdreport",
        _tdreport,
        lambda: [one[32:1216] for one in _files("azure/common/*.hcl_report.bin")],
    ),
]
