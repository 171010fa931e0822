"""A broker as a process of its own: it says when it listens, answers, and stops in order."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from keybroker import protocol
from keybroker.audit.log import verify_log
from keybroker.store.sqlite import SqliteStore
from tests.fakes.world import make_world

SERVE = """
import sys
from pathlib import Path
from keybroker.settings.config import Listen
from keybroker.edge.serve import serve
anywhere = Listen(port=0)
serve(Path(sys.argv[1]), listen=Listen(port=int(sys.argv[2])), operations=anywhere)
"""


@contextmanager
def served(folder: Path, log: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A process that serves the broker in `folder`, and its ready line."""
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-c", SERVE, str(folder), "0"],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            yield process, json.loads(line)
        finally:
            process.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with make_world(tmp_path):
        pass
    return tmp_path / "broker"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_broker_serves_until_it_is_told_to_stop(
    folder: Path, tmp_path: Path, number: signal.Signals
) -> None:
    log = tmp_path / "log"
    with served(folder, log) as (process, ready):
        assert ready["simulated"] is True
        with httpx.Client(trust_env=False) as client:
            descriptor = client.get(f"{ready['address']}/v1/broker").content
            challenge = client.post(f"{ready['address']}/v1/challenges", content=b"{}")
            refused = client.post(f"{ready['address']}/v1/releases", content=b"canary")
            live = client.get(f"{ready['operations']}/livez")
            metrics = client.get(f"{ready['operations']}/metrics")
        process.send_signal(number)
        assert process.wait(30) == 0, log.read_text()
    protocol.verify_descriptor(descriptor, identity=ready["identity"])
    protocol.ChallengeResponse.parse(challenge.content)
    assert (refused.status_code, live.text) == (400, "ok\n")
    assert "sealwasm_broker_requests_total" in metrics.text
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"answered", "refused"} <= {line["event"] for line in lines}
    assert "canary" not in log.read_text()
    with SqliteStore.open(folder / "broker.db") as store:
        assert verify_log(store).size == 3


def failed(folder: Path, port: int) -> str:
    """What a broker that cannot start says."""
    command = [sys.executable, "-c", SERVE, str(folder), str(port)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout == ""
    return done.stderr


def test_second_process_is_turned_away(folder: Path, tmp_path: Path) -> None:
    with served(folder, tmp_path / "log"):
        assert "store-in-use" in failed(folder, 0)


def test_address_in_use_is_said(folder: Path, tmp_path: Path) -> None:
    with make_world(tmp_path / "other"):
        pass
    with served(folder, tmp_path / "log") as (_, ready):
        port = int(ready["address"].rpartition(":")[2])
        assert f"cannot listen on 127.0.0.1 port {port}" in failed(tmp_path / "other/broker", port)
