"""What the broker counts. Labels come from closed lists: no digest, name or address is one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# Releases take milliseconds; a disk that stalls takes seconds.
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """The metrics of one broker. Every instance has its own registry."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "sealwasm_broker_requests",
            "Answered HTTP requests.",
            ("route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "sealwasm_broker_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._decisions = Counter(
            "sealwasm_broker_decisions",
            "Decided requests for release, by what became of them.",
            ("code",),
            registry=self._registry,
        )
        self._leaves = Gauge(
            "sealwasm_broker_log_leaves", "Leaves in the audit log.", registry=self._registry
        )

        self._end = Gauge(
            "sealwasm_broker_endorsements_end_timestamp_seconds",
            "When the first of the named endorsements ends; 0 if none does.",
            registry=self._registry,
        )
        self._unread = Gauge(
            "sealwasm_broker_endorsements_unread",
            "1 while a changed file of endorsements is bad and the one before it is used.",
            registry=self._registry,
        )

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request. `route` is a template, never a path a peer chose."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_decision(self, code: str) -> None:
        """Count one decision: `released` or a refusal code."""
        self._decisions.labels(code).inc()

    def show_log(self, leaves: int) -> None:
        """Say how long the audit log is."""
        self._leaves.set(leaves)

    def show_endorsements(self, first_end: datetime | None, *, unread: bool) -> None:
        """Say until when the named endorsements last, and whether a new file is bad."""
        self._end.set(0 if first_end is None else first_end.timestamp())
        self._unread.set(int(unread))

    def render(self) -> bytes:
        """Return the Prometheus text format."""
        return generate_latest(self._registry)
