"""What Azure gives a confidential guest for the report of its paravisor: VCEK or TD quote.

Microsoft Learn, "Confidential VM guest attestation design detail": two services on the link-local
address that only the guest itself reaches. What they answer is material; verifiers judge it.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from attestation.encoding import b64url_decode, b64url_encode, parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.limits import AZURE_SERVICE_SECONDS, MAX_PART_BYTES
from attestation.verifiers.azure.hcl import REPORT_SNP, parse_hcl_report
from attestation.x509.pem import parse_pem

# Link-local by RFC 3927, the same in every guest: no host of anybody's.
METADATA: Final = "http://169.254.169.254"
_VCEK: Final = "/metadata/THIM/amd/certification"
_TD_QUOTE: Final = "/acc/tdquote"
# A TDREPORT is the hardware's answer in the HCL report (1.9 of the layout page).
_TDREPORT_BYTES: Final = 1024

Ask = Callable[[str, bytes | None], bytes]


def ask_over_http(url: str, body: bytes | None) -> bytes:
    """Return the answer to a GET, or to a POST of JSON. No proxy, no redirect; bounded."""
    headers = {"Metadata": "true", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - http, ours
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    with opener.open(request, timeout=AZURE_SERVICE_SECONDS) as answer:
        data: bytes = answer.read(MAX_PART_BYTES + 1)
    return data


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        """Follow nothing."""


@dataclass(frozen=True, slots=True)
class AzureService:
    """The services at `base`; `ask` does the transport. Call it with an HCL report."""

    base: str = METADATA
    ask: Ask = field(default=ask_over_http, repr=False)

    def __call__(self, hcl_report: bytes) -> bytes:
        """Return the VCEK (DER) on SEV-SNP, a TD quote on TDX.

        Raises `OSError` where nobody answers, `EvidenceError` for an answer of another form.
        """
        report = parse_hcl_report(hcl_report)
        if report.report_type == REPORT_SNP:
            return self._vcek()
        return self._td_quote(report.hardware[:_TDREPORT_BYTES])

    def _vcek(self) -> bytes:
        answer = self._object(self.ask(self.base + _VCEK, None))
        text = answer.get("vcekCert")
        if not isinstance(text, str):
            raise _malformed("no vcekCert")
        (certificate,) = parse_pem(text.encode("utf-8"), label="CERTIFICATE", limit=1)
        return certificate

    def _td_quote(self, report: bytes) -> bytes:
        body = json.dumps({"report": b64url_encode(report)}).encode("ascii")
        text = self._object(self.ask(self.base + _TD_QUOTE, body)).get("quote")
        if not isinstance(text, str):
            raise _malformed("no quote")
        return b64url_decode(text, what="TD quote")

    def _object(self, data: bytes) -> dict[str, Any]:
        answer = parse_json(data, limit_bytes=MAX_PART_BYTES, what="Azure's answer")
        if not isinstance(answer, dict):
            raise _malformed("not an object")
        return answer


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"Azure's answer: {detail}")
