"""AMD's, Intel's and NVIDIA's services on this machine: real HTTP, and every kind of misbehaviour.

`VendorServices` serves whatever it is given by path. Misbehaviour is queued and spent in order:
`services.misbehave(too_many(2), truncated())` lets the third request through.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, urlsplit

from attestation.encoding import b64encode
from attestation.endorsement_store.fetchers import VendorFetcher
from attestation.endorsement_store.http import HttpClient, Times
from attestation.endorsement_store.services import VendorUrls
from attestation.simulated.snp.silicon import Silicon
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import NOW

Handler = BaseHTTPRequestHandler
Misbehaviour = Callable[["_Handler"], None]


@dataclass
class HandClock:
    """Both clocks of a machine, moved by hand; sleeping moves them too."""

    moment: datetime = NOW
    slept: list[float] = field(default_factory=list)
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.seconds

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds
        self.moment += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.pass_time(seconds)

    def times(self, **changes: float) -> Times:
        return Times(self.monotonic, self.now, self.sleep, lambda: 0.0, **changes)


@dataclass
class Answer:
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class VendorServices:
    """What is served, by path with its query, and what was asked."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    posted: list[bytes] = field(default_factory=list)
    base: str = ""
    clock: HandClock = field(default_factory=HandClock)
    _queue: deque[Misbehaviour] = field(default_factory=deque)

    def misbehave(self, *how: Misbehaviour) -> None:
        self._queue.extend(how)

    def next_misbehaviour(self) -> Misbehaviour | None:
        return self._queue.popleft() if self._queue else None

    def client(self, **changes: float) -> HttpClient:
        return HttpClient(times=self.clock.times(**changes))

    def fetcher(self) -> VendorFetcher:
        base = self.base
        urls = VendorUrls(base, base, f"{base}/IntelSGXRootCA.der", f"{base}/ocsp", base)
        return VendorFetcher(self.client(), urls)

    def serve_snp(self, silicon: Silicon) -> None:
        """Serve one chip as KDS does: its VCEK at its newest TCB, the chains, the list."""
        product = silicon.identity.model.product
        tcb = silicon.identity.model.tcb
        for key in ("vcek", "vlek"):
            listed = (silicon.intermediate(key), silicon.root())
            chain = b"".join(encode_pem("CERTIFICATE", one) for one in listed)
            self.answers[f"/{key}/v1/{product.title}/cert_chain"] = Answer(chain)
            self.answers[f"/{key}/v1/{product.title}/crl"] = Answer(silicon.crl())
        spl = {"fmc": "fmcSPL", "bootloader": "blSPL", "tee": "teeSPL", "snp": "snpSPL"}
        spl["microcode"] = "ucodeSPL"
        parts = [f"{spl[part]}={tcb[product.tcb[part]]:02d}" for part in spl if part in product.tcb]
        path = f"/vcek/v1/{product.title}/{silicon.chip_id.hex()}?{'&'.join(parts)}"
        self.answers[path] = Answer(silicon.vek("vcek", tcb).certificate)

    def serve_intel(self, collateral: dict[str, str], *, tee: str, fmspc: str, ca: str) -> None:
        """Serve one QuoteCollateralV3 as PCS does, in its several answers."""
        tcb, qe = collateral["tcb_info"], collateral["qe_identity"]
        paths = {
            f"/{tee}/certification/v4/tcb?fmspc={fmspc}": Answer(
                f'{{"tcbInfo":{tcb},"signature":"{collateral["tcb_info_signature"]}"}}'.encode(),
                {"TCB-Info-Issuer-Chain": quote(collateral["tcb_info_issuer_chain"])},
            ),
            f"/{tee}/certification/v4/qe/identity": Answer(
                f'{{"enclaveIdentity":{qe},"signature":"{collateral["qe_identity_signature"]}"}}'.encode(),
                {
                    "SGX-Enclave-Identity-Issuer-Chain": quote(
                        collateral["qe_identity_issuer_chain"]
                    )
                },
            ),
            f"/sgx/certification/v4/pckcrl?ca={ca}&encoding=der": Answer(
                bytes.fromhex(collateral["pck_crl"]),
                {"SGX-PCK-CRL-Issuer-Chain": quote(collateral["pck_crl_issuer_chain"])},
            ),
            "/IntelSGXRootCA.der": Answer(bytes.fromhex(collateral["root_ca_crl"])),
        }
        self.answers.update(paths)

    def serve_rim(self, identifier: str, rim: bytes) -> None:
        """Serve a manifest as NVIDIA's RIM service does."""
        body = {"id": identifier, "rim": b64encode(rim), "rim_format": "TEXT"}
        self.answers[f"/v1/rim/{identifier}"] = Answer(json.dumps(body).encode())

    def serve_ocsp(self, response: bytes) -> None:
        """Serve this response to whatever is asked."""
        self.answers["/ocsp"] = Answer(response)


@contextmanager
def vendor_services() -> Iterator[VendorServices]:
    """Give services that listen on a free port of this machine."""
    services = VendorServices()

    class Bound(_Handler):
        vendor = services

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    server.daemon_threads = True
    services.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield services
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    vendor: VendorServices

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.vendor.posted.append(self.rfile.read(int(self.headers["content-length"])))
        self._answer()

    def _answer(self) -> None:
        self.vendor.asked.append(self.path)
        misbehave = self.vendor.next_misbehaviour()
        if misbehave is not None:
            misbehave(self)
            return
        path = self.path if self.path in self.vendor.answers else urlsplit(self.path).path
        found = self.vendor.answers.get(path)
        if found is None:
            self.give(404, b"no such document")
        else:
            self.give(200, found.body, found.headers)

    def give(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def start(self, length: int) -> None:
        self.send_response(200)
        self.send_header("content-length", str(length))
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


def status(code: int, **headers: str) -> Misbehaviour:
    """Answer with this status and no document."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.give(code, b"later", named)


def too_many(retry_after: object) -> Misbehaviour:
    """Say that there were too many requests."""
    return status(429, retry_after=str(retry_after))


def moved(location: str) -> Misbehaviour:
    """Send the client elsewhere."""
    return status(302, location=location)


def instead(body: bytes, **headers: str) -> Misbehaviour:
    """Answer with other content."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.give(200, body, named)


def truncated() -> Misbehaviour:
    """Promise more than is sent."""

    def misbehave(handler: _Handler) -> None:
        handler.start(1000)
        handler.wfile.write(b"0" * 10)

    return misbehave


def oversized(size: int) -> Misbehaviour:
    """Send without an end."""
    return lambda handler: handler.give(200, bytes(size))


def slow(seconds: float) -> Misbehaviour:
    """Take this long, by the clock of the test, between two halves of a body."""

    def misbehave(handler: _Handler) -> None:
        handler.start(2)
        handler.vendor.clock.pass_time(seconds)
        handler.wfile.write(b"{}")

    return misbehave
