"""What a guest asks Azure's local services, and what of their answers is taken."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from attestation.azure_service import AzureService
from attestation.encoding import b64url_decode, b64url_encode
from attestation.errors import EvidenceError
from attestation.simulated.platforms import PLATFORMS
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> dict:
    def made(tee: str) -> dict[str, bytes]:
        folder = tmp_path_factory.mktemp(tee) / "platform"
        guest = PLATFORMS[tee].create(folder, now=NOW).launch(MEASUREMENT)
        return dict(guest.attest(REPORT_DATA).parts)

    return {tee: made(tee) for tee in ("azure-snp", "azure-tdx")}


def test_snp_gets_its_vcek(evidence: dict) -> None:
    parts, asked = evidence["azure-snp"], []

    def ask(url: str, body: bytes | None) -> bytes:
        asked.append((url, body))
        return json.dumps({"vcekCert": encode_pem("CERTIFICATE", parts["vek"]).decode()}).encode()

    assert AzureService("http://local", ask)(parts["hcl_report"]) == parts["vek"]
    assert asked == [("http://local/metadata/THIM/amd/certification", None)]


def test_tdx_gets_a_quote_over_its_report(evidence: dict) -> None:
    parts = evidence["azure-tdx"]

    def ask(url: str, body: bytes | None) -> bytes:
        assert url.endswith("/acc/tdquote")
        report = b64url_decode(json.loads(body or b"")["report"], what="report")
        assert report == parts["hcl_report"][32 : 32 + 1024]
        return json.dumps({"quote": b64url_encode(parts["td_quote"])}).encode()

    assert AzureService("http://local", ask)(parts["hcl_report"]) == parts["td_quote"]


@pytest.mark.parametrize("tee", ["azure-snp", "azure-tdx"])
@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"{}", b'{"vcekCert": 1, "quote": 1}', b'{"vcekCert": "?", "quote": "?"}'],
)
def test_another_answer_is_refused(evidence: dict, tee: str, answer: bytes) -> None:
    service = AzureService("http://local", lambda _url, _body: answer)
    with pytest.raises(EvidenceError):
        service(evidence[tee]["hcl_report"])


class Redirecting(BaseHTTPRequestHandler):
    """A service that sends its callers elsewhere."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def test_no_redirect_is_followed(evidence: dict) -> None:
    with HTTPServer(("127.0.0.1", 0), Redirecting) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        service = AzureService(f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(OSError, match="302"):
            service(evidence["azure-snp"]["hcl_report"])


def test_nobody_answers(evidence: dict, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="refused"):
        AzureService("http://127.0.0.1:1")(evidence["azure-snp"]["hcl_report"])
